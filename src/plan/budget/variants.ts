import type { Form } from '../../keep/index.js';
import { isRestorable, isSketchForm } from '../../keep/index.js';
import { blockMatrices } from '../block-scales.js';
import type { PredictionRequest } from '../dry-run.js';
import { offloadedInputRules } from '../form-rules.js';
import { type MemoryPlan, usualLossChunk } from '../memory-plan.js';
import { makePlan } from '../recipes.js';
import { saveModeRules } from '../save-modes.js';

/**
 * What a budget may do besides recomputing: `offload` moves what is kept to a slower tier, `sketch` compresses gradients
 * (CompAct), `quantize` rounds what is kept to bf16 or to 8, 4 or 2 bits, `states` rounds Adam's moments to 8 bits, `split` cuts
 * the batch into micro-batches. With `offload` and `split` gradients stay exact.
 */
export const allowances = ['offload', 'sketch', 'quantize', 'states', 'split'] as const;
export type Allowance = (typeof allowances)[number];

/** Ways of keeping, besides exactly and recomputed, that a search may use. */
export interface Leave {
  readonly forms: readonly Form[];
  /** Whether block inputs go to the slower tier. */
  readonly inputsAway: boolean;
}

/** Rounding from the finest to the coarsest: a coarser one is only for what a finer one cannot do. */
const roundings: readonly (readonly Form[])[] = [['bf16', 'quant-8'], ['quant-4'], ['quant-2']];

/** What is to be tried one after the other, until a plan is good enough: exact ways, then rounded ones. */
export function leavesOf(allow: ReadonlySet<Allowance>): readonly (readonly Leave[])[] {
  const rounded = allow.has('quantize') ? roundings : [];
  return [[], ...rounded].map((forms) => [
    { forms, inputsAway: false },
    // What comes back takes room for two blocks: with inputs alone on the slower tier a peak may be lower.
    ...(allow.has('offload') ? [forms, [...forms, 'offload' as const]] : []).map((ways) => ({
      forms: ways,
      inputsAway: true,
    })),
  ]);
}

/** The plan with all of each block kept, as the start of a search: only what kernels make again by the way is not. */
export function keepingEverything(plan: MemoryPlan): MemoryPlan {
  // Forms that give gradients only are the method's own, not a way of keeping that a budget may choose.
  const own = plan.slots.filter(({ form }) => !isRestorable(form));
  const activated = own.some(({ form }) => form === 'step2') ? ('exact' as const) : ('replay' as const);
  const slots = [...saveModeRules('fused-norm'), { match: '*.mlp.activated', form: activated }, ...own];
  return { ...plan, slots, loss: plan.loss.form === 'fused' ? plan.loss : { form: 'fused', chunk: usualLossChunk } };
}

/** Block inputs on the slower tier, but those of the last blocks, which are needed at once. */
export function withInputsAway(plan: MemoryPlan, layers: number): MemoryPlan {
  return { ...plan, slots: [...plan.slots, ...offloadedInputRules(layers)] };
}

/** A fused update does the same with less memory, where nothing needs all gradients at once. */
export function updatesOf({ plan, accumulate, clip }: PredictionRequest): readonly MemoryPlan['update'][] {
  if (plan.update === 'fused') return ['fused'];
  return accumulate === 1 && clip === undefined ? ['after', 'fused'] : ['after'];
}

/** Rows of logits to try: fewer than usual only where these are large beside what the blocks hold. */
export function lossChunksFor({ plan, config, batch, sequenceLength }: PredictionRequest): readonly number[] {
  const usual = plan.loss.form === 'fused' ? plan.loss.chunk : usualLossChunk;
  const blockInputs = batch * sequenceLength * config.hiddenSize * config.numHiddenLayers;
  const large = usual * config.vocabSize > blockInputs / 20;
  return large ? [usual, ...[64, 16].filter((chunk) => chunk < usual)] : [usual];
}

/** What is to be tried, from what changes least: the request itself, then with what is allowed. */
export function variantsOf(request: PredictionRequest, allow: ReadonlySet<Allowance>): readonly PredictionRequest[] {
  const { config, batch, accumulate } = request;
  const variants: PredictionRequest[] = [];
  for (const plan of plansOf(request.plan, config.numHiddenLayers, allow)) {
    for (let parts = 1; parts === 1 || (maySplit(request, allow) && batch % parts === 0); parts *= 2) {
      if (parts > 1 && plan.update === 'fused') break;
      variants.push({ ...request, plan, batch: batch / parts, accumulate: accumulate * parts });
    }
  }
  return variants;
}

function maySplit({ largest }: PredictionRequest, allow: ReadonlySet<Allowance>): boolean {
  return allow.has('split') && largest === undefined;
}

/** The plan with its gradients and moments as they are, then in the ways that are allowed. */
function plansOf(plan: MemoryPlan, layers: number, allow: ReadonlySet<Allowance>): readonly MemoryPlan[] {
  const sketched =
    allow.has('sketch') && plan.sketches === null
      ? (['compact-down', 'compact'] as const).map((name) => withSketches(plan, name, layers))
      : [];
  const plainAdam = plan.optimizer.every(({ update }) => update.name === 'adamw');
  const rounded = allow.has('states') && plainAdam && plan.blockCoordinate === null;
  return [plan, ...sketched].flatMap((one) => (rounded ? [one, with8bitStates(one, layers)] : [one]));
}

function withSketches(plan: MemoryPlan, method: 'compact-down' | 'compact', layers: number): MemoryPlan {
  // α that was asked for is that of what is sketched, too.
  const asked = plan.updateScales.findLast(({ match }) => match === blockMatrices)?.scale;
  const compact = makePlan([method], { layers, ...(asked !== undefined && { scale: asked }) });
  return {
    ...plan,
    methods: [...plan.methods, method],
    slots: [...plan.slots, ...compact.slots.filter(({ form }) => isSketchForm(form))],
    sketches: compact.sketches,
    updateScales: [...plan.updateScales, ...compact.updateScales],
  };
}

function with8bitStates(plan: MemoryPlan, layers: number): MemoryPlan {
  const { optimizer } = makePlan(['adam8bit'], { layers });
  return { ...plan, methods: [...plan.methods, 'adam8bit'], optimizer };
}

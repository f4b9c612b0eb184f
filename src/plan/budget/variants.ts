import type { Form } from '../../keep/index.js';
import { isRestorable, isSketchForm } from '../../keep/index.js';
import type { PredictionRequest } from '../dry-run.js';
import { type MemoryPlan, usualLossChunk } from '../memory-plan.js';
import { makePlan } from '../recipes.js';
import { saveModeRules } from '../save-modes.js';

/**
 * What a budget may do besides keeping less exactly: `sketch` compresses gradients (CompAct), `quantize` rounds what is
 * kept to bf16 or 8 bits, `states` rounds Adam's moments to 8 bits, `split` cuts the batch into micro-batches.
 */
export const allowances = ['sketch', 'quantize', 'states', 'split'] as const;
export type Allowance = (typeof allowances)[number];

/** Sets of forms, besides exact and recomputed ones, that slots may have. */
export function lossyForms(allow: ReadonlySet<Allowance>): readonly (readonly Form[])[] {
  return allow.has('quantize') ? [[], ['bf16', 'quant-8']] : [[]];
}

/** The plan with all of each block kept, as the start of a search: only what kernels make again by the way is not. */
export function keepingEverything(plan: MemoryPlan): MemoryPlan {
  // Forms that give gradients only are the method's own, not a way of keeping that a budget may choose.
  const own = plan.slots.filter(({ form }) => !isRestorable(form));
  const activated = own.some(({ form }) => form === 'step2') ? ('exact' as const) : ('replay' as const);
  const slots = [...saveModeRules('fused-norm'), { match: '*.mlp.activated', form: activated }, ...own];
  return { ...plan, slots, loss: plan.loss.form === 'fused' ? plan.loss : { form: 'fused', chunk: usualLossChunk } };
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
  const compact = makePlan([method], { layers });
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

import type { Form } from '../../keep/index.js';
import { isSketchForm } from '../../keep/index.js';
import type { PredictionRequest } from '../dry-run.js';
import { type MemoryPlan, usualLossChunk } from '../memory-plan.js';
import { makePlan } from '../recipes.js';
import { saveModeRules } from '../save-modes.js';

/**
 * What a budget may do besides keeping less exactly: `sketch` compresses gradients (CompAct), `quantize` rounds what is
 * kept, `split` cuts the batch into micro-batches.
 */
export const allowances = ['sketch', 'quantize', 'split'] as const;
export type Allowance = (typeof allowances)[number];

/** Sets of forms, besides exact and recomputed ones, that slots may have. */
export function lossyForms(allow: ReadonlySet<Allowance>): readonly (readonly Form[])[] {
  return allow.has('quantize') ? [[], ['bf16']] : [[]];
}

/** The plan with all of each block kept, as the start of a search: only what kernels make again by the way is not. */
export function keepingEverything(plan: MemoryPlan): MemoryPlan {
  const sketched = plan.slots.filter(({ form }) => isSketchForm(form));
  const slots = [...saveModeRules('fused-norm'), { match: '*.mlp.activated', form: 'replay' as const }, ...sketched];
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
  const { plan, config, batch, accumulate } = request;
  const sketched =
    allow.has('sketch') && plan.sketches === null
      ? (['compact-down', 'compact'] as const).map((name) => withSketches(plan, name, config.numHiddenLayers))
      : [];
  const variants: PredictionRequest[] = [];
  for (const one of [plan, ...sketched]) {
    for (
      let parts = 1;
      batch % parts === 0 && (parts === 1 || (allow.has('split') && request.largest === undefined));
      parts *= 2
    ) {
      if (parts > 1 && one.update === 'fused') break;
      variants.push({ ...request, plan: one, batch: batch / parts, accumulate: accumulate * parts });
    }
  }
  return variants;
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

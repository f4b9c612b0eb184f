import { type FloatType, InputError } from '../engine/index.js';
import type { Form } from '../keep/index.js';
import type { UpdateSpec } from '../optim/index.js';
import type { MemoryPlan, Precision } from './memory-plan.js';

/** What a person may say about storage; undefined means the default. */
export interface PrecisionOptions {
  readonly dtype?: FloatType;
  readonly momentDtype?: FloatType;
  readonly masterWeights?: boolean;
}

/**
 * What a run is stored in. Moments stay f32 unless said otherwise, see docs/results/bf16.md for what they gain in bf16.
 *
 * @throws InputError where the options exclude each other
 */
export function choosePrecision({
  dtype = 'f32',
  momentDtype: moments = 'f32',
  masterWeights = false,
}: PrecisionOptions): Precision {
  if (masterWeights && dtype === 'f32') {
    throw new InputError('--master-weights has no meaning for f32 weights', 'add --dtype bf16, or leave it out');
  }
  return { dtype, moments, masterWeights };
}

/** Forms that a bf16 tensor can be kept in. */
const bf16Forms: readonly Form[] = [
  ...(['exact', 'bf16', 'alias', 'replay', 'replay-gemm'] as const),
  ...(['offload', 'offload-part', 'sketch', 'late-sketch'] as const),
];

/** Updates whose ops take gradients in bf16. */
const bf16Updates: readonly string[] = ['adamw', 'sgd', 'adam8bit', 'adam-mini', 'adafactor', 'muon'];

/** Whether tensors stored like this can be kept in a form. */
export function isFormOf(dtype: Precision['dtype'], form: Form): boolean {
  return dtype === 'f32' || bf16Forms.includes(form);
}

/** Whether gradients stored like this can be used by an update. */
export function isUpdateOf(dtype: Precision['dtype'], update: UpdateSpec['name']): boolean {
  return dtype === 'f32' || bf16Updates.includes(update);
}

/**
 * Refuses the parts of a plan whose ops exist for f32 only.
 *
 * @throws InputError naming the first of them
 */
export function refuseForPrecision(plan: MemoryPlan): void {
  const { precision, slots, sketches, optimizer, blockCoordinate } = plan;
  if (precision.moments === 'bf16' && blockCoordinate) {
    throw new InputError('badam keeps its moments in f32', 'leave out --moment-dtype');
  }
  if (precision.dtype === 'f32') return;
  const parts = [
    sketches && sketches.basis !== 'random' && `--basis ${sketches.basis}`,
    sketches?.gradient === 'lifted' && '--gradient lifted',
    sketches?.refresh === 'staggered' && '--refresh staggered',
    sketches?.moments.first === 'transport' && '--moments transport',
    ...slots.map(({ form }) => !isFormOf(precision.dtype, form) && `the form ${form}`),
    ...optimizer.map(({ update: { name } }) => !isUpdateOf(precision.dtype, name) && `the optimizer ${name}`),
  ];
  const part = parts.find((name) => typeof name === 'string');
  if (part) throw new InputError(`${part} works with --dtype f32 only`, 'leave it out, or use --dtype f32');
}

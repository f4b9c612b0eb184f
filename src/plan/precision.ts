import { type FloatType, InputError } from '../engine/index.js';
import type { Precision } from './memory-plan.js';

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

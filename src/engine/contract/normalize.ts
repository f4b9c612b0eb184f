import { sizeOf, type Tensor } from '../tensor.js';
import { normBlockElements } from './optimizer.js';
import type { OpSpec } from './spec.js';

/** x ← factor·x / (‖x‖ + ε), with the Frobenius norm. */
export interface NormalizeArgs {
  readonly x: Tensor;
  readonly factor: number;
  readonly epsilon: number;
}

export const normalize: OpSpec<NormalizeArgs> = {
  access: { x: 'update' },
  storage: [['x']],
  check() {},
  flops: () => 0,
  scratch: ({ x }) => 4 * Math.ceil(sizeOf(x.shape) / normBlockElements),
};

import type { Tensor } from '../tensor.js';
import type { RandomKey } from './random.js';
import { expectShape, expectTensor, matrix, type OpSpec, require } from './spec.js';

/**
 * Dropout (Srivastava et al., JMLR 2014): out = x∘mask/(1 − p) (+ residual). The mask is a function of the key: entry (i, j) is
 * kept where a random word is at least p·2^32, word ⌊(j mod 32)/16⌋ of Threefry at the counter (i, 16·⌊j/32⌋ + j mod 16). So
 * backward can make it again by running the same op on the gradient, and nothing has to be kept.
 */
export interface DropoutArgs {
  /** [N, n]. */
  readonly x: Tensor;
  /** [N, n], added to the result: the residual branch. */
  readonly residual?: Tensor;
  /** [N, n]. */
  readonly out: Tensor;
  /** [N, n], u8: 1 where an entry is kept, the copy that usual frameworks store. */
  readonly mask?: Tensor;
  /** p, in [0, 1). */
  readonly probability: number;
  readonly key: RandomKey;
}

/** Random words below this drop an entry. */
export function dropoutThreshold(probability: number): number {
  return Math.round(probability * 2 ** 32);
}

export const dropout: OpSpec<DropoutArgs> = {
  access: { x: 'read', residual: 'read', out: 'write', mask: 'write' },
  storage: [['x', 'residual', 'out']],
  inPlace: [
    ['out', 'x'],
    ['out', 'residual'],
  ],
  check({ x, residual, out, mask, probability }) {
    const [rows, columns] = matrix('dropout x', x);
    if (residual) expectShape('dropout residual', residual, [rows, columns]);
    expectShape('dropout out', out, [rows, columns]);
    if (mask) expectTensor('dropout mask', mask, [rows, columns], 'u8');
    require(probability >= 0 &&
      dropoutThreshold(probability) < 2 ** 32, `dropout: probability ${probability} is not in [0, 1)`);
  },
  flops: () => 0,
};

/** Backward of dropout from a stored mask: dx = dy∘mask/(1 − p). */
export interface DropoutBackwardArgs {
  /** [N, n]. */
  readonly dy: Tensor;
  /** [N, n], u8. */
  readonly mask: Tensor;
  /** [N, n]. */
  readonly dx: Tensor;
  readonly probability: number;
}

export const dropoutBackward: OpSpec<DropoutBackwardArgs> = {
  access: { dy: 'read', mask: 'read', dx: 'write' },
  storage: [['dy', 'dx']],
  inPlace: [['dx', 'dy']],
  check({ dy, mask, dx, probability }) {
    expectTensor('dropoutBackward mask', mask, dy.shape, 'u8');
    expectShape('dropoutBackward dx', dx, dy.shape);
    require(probability >= 0 && probability < 1, `dropoutBackward: probability ${probability} is not in [0, 1)`);
  },
  flops: () => 0,
};

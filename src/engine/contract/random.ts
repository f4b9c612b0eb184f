import type { Tensor } from '../tensor.js';
import { matrix, type OpSpec, require } from './spec.js';

/** Two 32-bit words that key the counter-based generator (Threefry-2x32-20). */
export type RandomKey = readonly [number, number];

/**
 * Matrix of independent entries from the counter-based generator; any part of it can be made anywhere, in any order.
 *
 * `gaussian`: counter (i, ⌊j/2⌋) → words w0, w1 → u_k = ((w_k >>> 8) + 0.5)·2^-24 → √(−2 ln u0)·{cos, sin}(2π·u1) for even, odd j.
 * `rademacher`: counter (i, ⌊j/64⌋), bit j mod 32 of w0 for j mod 64 < 32, else of w1; a set bit means −1.
 */
export interface RandomArgs {
  /** [rows, columns]. */
  readonly out: Tensor;
  readonly family: 'gaussian' | 'rademacher';
  readonly key: RandomKey;
  /** Standard deviation of the entries. */
  readonly deviation: number;
}

export const random: OpSpec<RandomArgs> = {
  access: { out: 'write' },
  storage: [['out']],
  check({ out }) {
    matrix('random out', out);
  },
  flops: () => 0,
};

/**
 * x ← factor·Q of x = Q·R with R's diagonal positive: orthonormal columns in place of the columns of x, by Gram-Schmidt
 * with one repetition. A column of zeros stays one.
 */
export interface OrthonormalizeArgs {
  /** [n, r], r ≤ n. */
  readonly x: Tensor;
  readonly factor: number;
}

export const orthonormalize: OpSpec<OrthonormalizeArgs> = {
  access: { x: 'update' },
  storage: [['x']],
  check({ x }) {
    const [rows, columns] = matrix('orthonormalize x', x);
    require(columns <= rows, `orthonormalize: ${columns} columns cannot be orthonormal in ${rows} dimensions`);
  },
  flops({ x }) {
    const [rows, columns] = matrix('orthonormalize x', x);
    return 4 * rows * columns * columns;
  },
  /** The transpose, so that columns are contiguous, and one row of inner products. */
  scratch({ x }) {
    const [rows, columns] = matrix('orthonormalize x', x);
    return 4 * (rows * columns + columns);
  },
};

import type { Tensor } from '../tensor.js';
import { expectShape, expectTensor, matrix, type OpSpec, require } from './spec.js';

/** Sweeps over all pairs of rows that one-sided Jacobi makes at most; some eight are usual. */
export const jacobiSweeps = 24;

/** Two rows count as orthogonal when their inner product is at most this part of the product of their lengths. */
export const jacobiTolerance = 1e-6;

/**
 * The leading right singular vectors of X, by one-sided Jacobi (Hestenes): pairs of rows are rotated until all rows are
 * orthogonal, which makes X into Jᵀ·X = Σ·Vᵀ; the longest rows, divided by their lengths, are the result, longest first.
 *
 * The pairs follow the tournament schedule: in each round of a sweep every row meets another one, all pairs at once. With
 * k rows (one more if k is odd) row k−1 stays, the others move on by one place from round to round.
 */
export interface SingularVectorsArgs {
  /** X, [k, c], k ≤ c, f32, as rotations of many sweeps act on it; left as Σ·Vᵀ in no particular order. */
  readonly x: Tensor;
  /** [r, c], r ≤ k, orthonormal rows; rows of zeros where X has a lower rank. */
  readonly out: Tensor;
}

export const singularVectors: OpSpec<SingularVectorsArgs> = {
  access: { x: 'update', out: 'write' },
  storage: [['out']],
  check({ x, out }) {
    const [rows, columns] = matrix('singularVectors x', x);
    const [wanted] = matrix('singularVectors out', out);
    expectTensor('singularVectors x', x, [rows, columns]);
    expectShape('singularVectors out', out, [wanted, columns]);
    require(rows <= columns, `singularVectors: ${rows} rows are more than ${columns} columns`);
    require(wanted <= rows, `singularVectors: ${wanted} vectors are more than the ${rows} rows have`);
  },
  // Depends on the numbers; a few sweeps of small matrices once in many steps.
  flops: () => 0,
  /** For each row whether it was turned, its squared length, and its place in the order. */
  scratch: ({ x }) => 4 * 3 * x.shape[0],
};

import { sizeOf, type Tensor } from '../tensor.js';
import { normBlockRows } from './rms-norm.js';
import { expectShape, matrix, type OpSpec } from './spec.js';

/** out = x + bias, the bias added to every row. */
export interface AddBiasArgs {
  /** [N, n]. */
  readonly x: Tensor;
  /** [n]. */
  readonly bias: Tensor;
  /** [N, n]. */
  readonly out: Tensor;
}

export const addBias: OpSpec<AddBiasArgs> = {
  access: { x: 'read', bias: 'read', out: 'write' },
  storage: [['x', 'out'], ['bias']],
  inPlace: [['out', 'x']],
  check({ x, bias, out }) {
    const [rows, columns] = matrix('addBias x', x);
    expectShape('addBias bias', bias, [columns]);
    expectShape('addBias out', out, [rows, columns]);
  },
  flops: () => 0,
};

/** out += Σ over the rows of x, summed in order within blocks of rows, then over blocks, in f32: a bias's gradient. */
export interface ColumnSumArgs {
  /** [N, n]. */
  readonly x: Tensor;
  /** [n], added to. */
  readonly out: Tensor;
}

export const columnSum: OpSpec<ColumnSumArgs> = {
  access: { x: 'read', out: 'update' },
  storage: [['x'], ['out']],
  check({ x, out }) {
    const [, columns] = matrix('columnSum x', x);
    expectShape('columnSum out', out, [columns]);
  },
  flops: () => 0,
  scratch: ({ x, out }) => 4 * Math.ceil((x.shape[0] ?? 0) / normBlockRows) * sizeOf(out.shape),
};

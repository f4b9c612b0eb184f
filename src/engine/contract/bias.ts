import { sizeOf, type Tensor } from '../tensor.js';
import { normBlockRows } from './rms-norm.js';
import { expectTensor, matrix, type OpSpec } from './spec.js';

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
  inPlace: [['out', 'x']],
  check({ x, bias, out }) {
    const [rows, columns] = matrix('addBias x', x);
    expectTensor('addBias x', x, [rows, columns]);
    expectTensor('addBias bias', bias, [columns]);
    expectTensor('addBias out', out, [rows, columns]);
  },
  flops: () => 0,
};

/** out += Σ over the rows of x, summed in order within blocks of rows, then over blocks: a bias's gradient. */
export interface ColumnSumArgs {
  /** [N, n]. */
  readonly x: Tensor;
  /** [n], added to. */
  readonly out: Tensor;
}

export const columnSum: OpSpec<ColumnSumArgs> = {
  access: { x: 'read', out: 'update' },
  check({ x, out }) {
    const [rows, columns] = matrix('columnSum x', x);
    expectTensor('columnSum x', x, [rows, columns]);
    expectTensor('columnSum out', out, [columns]);
  },
  flops: () => 0,
  scratch: ({ x, out }) => 4 * Math.ceil((x.shape[0] ?? 0) / normBlockRows) * sizeOf(out.shape),
};

import type { Tensor } from '../tensor.js';
import { expectTensor, matrix, type OpSpec } from './spec.js';

/** out = a∘b. */
export interface MultiplyArgs {
  readonly a: Tensor;
  readonly b: Tensor;
  readonly out: Tensor;
}

export const multiply: OpSpec<MultiplyArgs> = {
  access: { a: 'read', b: 'read', out: 'write' },
  inPlace: [
    ['out', 'a'],
    ['out', 'b'],
  ],
  check({ a, b, out }) {
    expectTensor('multiply a', a, a.shape);
    expectTensor('multiply b', b, a.shape);
    expectTensor('multiply out', out, a.shape);
  },
  flops: () => 0,
};

/** x ← x·diag(factors): column j is multiplied by factors[j]. */
export interface ScaleColumnsArgs {
  /** [rows, columns]. */
  readonly x: Tensor;
  /** [columns]. */
  readonly factors: Tensor;
}

export const scaleColumns: OpSpec<ScaleColumnsArgs> = {
  access: { x: 'update', factors: 'read' },
  check({ x, factors }) {
    const [rows, columns] = matrix('scaleColumns x', x);
    expectTensor('scaleColumns x', x, [rows, columns]);
    expectTensor('scaleColumns factors', factors, [columns]);
  },
  flops: () => 0,
};

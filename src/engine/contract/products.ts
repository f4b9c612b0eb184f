import type { Tensor } from '../tensor.js';
import { expectShape, matrix, type OpSpec } from './spec.js';

/** out = a∘b. */
export interface MultiplyArgs {
  readonly a: Tensor;
  readonly b: Tensor;
  readonly out: Tensor;
}

export const multiply: OpSpec<MultiplyArgs> = {
  access: { a: 'read', b: 'read', out: 'write' },
  storage: [['a', 'b', 'out']],
  inPlace: [
    ['out', 'a'],
    ['out', 'b'],
  ],
  check({ a, b, out }) {
    expectShape('multiply b', b, a.shape);
    expectShape('multiply out', out, a.shape);
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
  storage: [['x'], ['factors']],
  check({ x, factors }) {
    const [, columns] = matrix('scaleColumns x', x);
    expectShape('scaleColumns factors', factors, [columns]);
  },
  flops: () => 0,
};

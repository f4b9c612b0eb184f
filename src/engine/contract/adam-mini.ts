import type { Tensor } from '../tensor.js';
import type { AdamConstants } from './optimizer.js';
import { expectShape, expectTensor, matrix, type OpSpec, require } from './spec.js';

/**
 * Adam's direction with one second moment per block of elements (Adam-mini, arXiv 2406.16793): v ← β2·v + (1−β2)·mean(g²) over
 * the block, then M updated and gradient ← factor·(M/c1) / (√(v/c2) + ε).
 */
export interface AdamMiniDirectionArgs extends AdamConstants {
  /** [rows, columns]. */
  readonly gradient: Tensor;
  /** [rows, columns]. */
  readonly firstMoment: Tensor;
  /** [blocks]: with `rows`, blocks of rows/blocks consecutive rows; with `columns`, one block per column. */
  readonly secondMoment: Tensor;
  readonly along: 'rows' | 'columns';
  readonly factor: number;
}

export const adamMiniDirection: OpSpec<AdamMiniDirectionArgs> = {
  access: { gradient: 'update', firstMoment: 'update', secondMoment: 'update', gradientScale: 'read' },
  storage: [['gradient']],
  check({ gradient, firstMoment, secondMoment, along, gradientScale }) {
    const [rows, columns] = matrix('adamMiniDirection gradient', gradient);
    expectShape('adamMiniDirection gradient', gradient, [rows, columns]);
    expectTensor('adamMiniDirection firstMoment', firstMoment, [rows, columns]);
    const blocks = along === 'rows' ? secondMoment.shape[0] : columns;
    expectTensor('adamMiniDirection secondMoment', secondMoment, [blocks]);
    require(along === 'columns' || rows % blocks === 0, `adamMiniDirection: ${blocks} equal blocks of ${rows} rows`);
    if (gradientScale) expectTensor('adamMiniDirection gradientScale', gradientScale, [1]);
  },
  flops: () => 0,
};

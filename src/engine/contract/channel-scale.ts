import { sizeOf, type Tensor } from '../tensor.js';
import { normBlockElements } from './optimizer.js';
import { expectShape, expectTensor, matrix, type OpSpec, require } from './spec.js';

/**
 * APOLLO's scaling (arXiv 2412.05270): each channel of X is multiplied by ‖U_j‖/(‖R_j‖ + 1e-8), what Adam did to the length of
 * that channel in the subspace.
 */
export interface ChannelScaleArgs {
  /** X, [a, c]. */
  readonly x: Tensor;
  /** R: [a, r] where channels are rows, [r, c] where they are columns. */
  readonly projected: Tensor;
  /** U, of R's shape. */
  readonly direction: Tensor;
  /** What has a factor of its own: each row, each column, or the matrix as a whole. */
  readonly channels: Channels;
}

export const channelKinds = ['rows', 'columns', 'tensor'] as const;
export type Channels = (typeof channelKinds)[number];

export const channelScale: OpSpec<ChannelScaleArgs> = {
  access: { x: 'update', projected: 'read', direction: 'read' },
  storage: [['x'], ['projected', 'direction']],
  check({ x, projected, direction, channels }) {
    const [rows, columns] = matrix('channelScale x', x);
    const [projectedRows, projectedColumns] = matrix('channelScale projected', projected);
    const shape = [
      channels === 'rows' ? rows : projectedRows,
      channels === 'columns' ? columns : projectedColumns,
    ] as const;
    expectShape('channelScale projected', projected, shape);
    expectShape('channelScale direction', direction, shape);
  },
  flops: () => 0,
  /** The factors. */
  scratch: ({ x, channels }) => 4 * (channels === 'rows' ? x.shape[0] : channels === 'columns' ? x.shape[1] : 1),
};

/**
 * The norm-growth limiter of Fira and APOLLO (arXiv 2410.01623, 2412.05270): X ← factor·X/λ with
 * λ = max(‖X‖/(previous + 1e-8), 1.01)/1.01, then previous ← ‖X‖/λ, the length before `factor`. A previous length of 0 limits
 * nothing: there was no step before.
 */
export interface LimitGrowthArgs {
  readonly x: Tensor;
  /** [1], f32. */
  readonly previous: Tensor;
  readonly factor: number;
}

export const limitGrowth: OpSpec<LimitGrowthArgs> = {
  access: { x: 'update', previous: 'update' },
  storage: [['x']],
  check({ previous, factor }) {
    expectTensor('limitGrowth previous', previous, [1]);
    require(Number.isFinite(factor), `limitGrowth: the factor ${factor} is not a number`);
  },
  flops: () => 0,
  /** Sums of squares of blocks, as in `squaredNorm`. */
  scratch: ({ x }) => 4 * Math.ceil(sizeOf(x.shape) / normBlockElements),
};

import { sizeOf, type Tensor } from '../tensor.js';
import { expectShape, expectTensor, matrix, type OpSpec } from './spec.js';

/** RMSNorm by rows: x̂ = x·rstd, y = γ∘x̂, rstd = (mean(x²) + ε)^(-1/2). */
export interface RmsNormArgs {
  /** [N, n]. */
  readonly x: Tensor;
  /** γ, [n]. */
  readonly weight: Tensor;
  /** y, [N, n]. */
  readonly out: Tensor;
  /** [N], f32. */
  readonly rstd: Tensor;
  /** x̂, [N, n]: the copy that usual frameworks keep. */
  readonly normalized?: Tensor;
  readonly epsilon: number;
}

export const rmsNorm: OpSpec<RmsNormArgs> = {
  access: { x: 'read', weight: 'read', out: 'write', rstd: 'write', normalized: 'write' },
  storage: [['x', 'weight', 'out', 'normalized']],
  check({ x, weight, out, rstd, normalized }) {
    const [tokens, width] = matrix('rmsNorm x', x);
    expectShape('rmsNorm weight', weight, [width]);
    expectShape('rmsNorm out', out, [tokens, width]);
    expectTensor('rmsNorm rstd', rstd, [tokens]);
    if (normalized) expectShape('rmsNorm normalized', normalized, [tokens, width]);
  },
  flops: () => 0,
};

/** Rows whose weight gradients are summed into one partial sum, in order; the partial sums are then added in order. */
export const normBlockRows = 64;

/** Backward of RMSNorm with ĝ = dy∘γ: dx = rstd·(ĝ − x̂·mean(ĝ∘x̂)), dγ += Σ dy∘x̂. */
export interface RmsNormBackwardArgs {
  /** x, [N, n]; or x̂ itself where `normalized` is set. */
  readonly x: Tensor;
  readonly normalized?: boolean;
  /** [N], f32. */
  readonly rstd: Tensor;
  /** γ, [n]. */
  readonly weight: Tensor;
  /** [N, n]. */
  readonly dy: Tensor;
  /** [N, n]. */
  readonly dx: Tensor;
  /** Add to what `dx` holds. */
  readonly accumulate?: boolean;
  /** dγ, [n], always added to; left out where γ is frozen. */
  readonly dWeight?: Tensor;
}

export const rmsNormBackward: OpSpec<RmsNormBackwardArgs> = {
  access: { x: 'read', rstd: 'read', weight: 'read', dy: 'read', dx: 'write', dWeight: 'update' },
  storage: [['x', 'weight', 'dy', 'dx', 'dWeight']],
  inPlace: [['dx', 'dy']],
  check({ x, rstd, weight, dy, dx, dWeight }) {
    const [tokens, width] = matrix('rmsNormBackward x', x);
    expectTensor('rmsNormBackward rstd', rstd, [tokens]);
    expectShape('rmsNormBackward weight', weight, [width]);
    expectShape('rmsNormBackward dy', dy, [tokens, width]);
    expectShape('rmsNormBackward dx', dx, [tokens, width]);
    if (dWeight) expectShape('rmsNormBackward dWeight', dWeight, [width]);
  },
  flops: () => 0,
  scratch: ({ x, dWeight }) => (dWeight ? Math.ceil((x.shape[0] ?? 0) / normBlockRows) * sizeOf(dWeight.shape) * 4 : 0),
};

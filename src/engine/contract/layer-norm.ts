import { sizeOf, type Tensor } from '../tensor.js';
import { normBlockRows } from './rms-norm.js';
import { expectShape, expectTensor, matrix, type OpSpec } from './spec.js';

/** LayerNorm by rows (arXiv 1607.06450): x̂ = (x − mean)·rstd, y = γ∘x̂ + β, rstd = (mean((x − mean)²) + ε)^(-1/2). */
export interface LayerNormArgs {
  /** [N, n]. */
  readonly x: Tensor;
  /** γ, [n]. */
  readonly weight: Tensor;
  /** β, [n]. */
  readonly bias: Tensor;
  /** y, [N, n]. */
  readonly out: Tensor;
  /** [N], f32. */
  readonly mean: Tensor;
  /** [N], f32. */
  readonly rstd: Tensor;
  readonly epsilon: number;
}

export const layerNorm: OpSpec<LayerNormArgs> = {
  access: { x: 'read', weight: 'read', bias: 'read', out: 'write', mean: 'write', rstd: 'write' },
  storage: [['x', 'weight', 'bias', 'out']],
  check({ x, weight, bias, out, mean, rstd }) {
    const [tokens, width] = matrix('layerNorm x', x);
    expectShape('layerNorm weight', weight, [width]);
    expectShape('layerNorm bias', bias, [width]);
    expectShape('layerNorm out', out, [tokens, width]);
    expectTensor('layerNorm mean', mean, [tokens]);
    expectTensor('layerNorm rstd', rstd, [tokens]);
  },
  flops: () => 0,
};

/** Backward of LayerNorm with ĝ = dy∘γ: dx = rstd·(ĝ − mean(ĝ) − x̂·mean(ĝ∘x̂)), dγ += Σ dy∘x̂, dβ += Σ dy. */
export interface LayerNormBackwardArgs {
  /** [N, n]. */
  readonly x: Tensor;
  /** [N], f32. */
  readonly mean: Tensor;
  /** [N], f32. */
  readonly rstd: Tensor;
  /** [n]. */
  readonly weight: Tensor;
  /** [N, n]. */
  readonly dy: Tensor;
  /** [N, n]. */
  readonly dx: Tensor;
  /** Add to what `dx` holds. */
  readonly accumulate?: boolean;
  /** dγ, [n], always added to; left out where γ is frozen. */
  readonly dWeight?: Tensor;
  /** dβ, [n], always added to; left out where β is frozen. */
  readonly dBias?: Tensor;
}

export const layerNormBackward: OpSpec<LayerNormBackwardArgs> = {
  access: {
    x: 'read',
    mean: 'read',
    rstd: 'read',
    weight: 'read',
    dy: 'read',
    dx: 'write',
    dWeight: 'update',
    dBias: 'update',
  },
  storage: [['x', 'weight', 'dy', 'dx', 'dWeight', 'dBias']],
  inPlace: [['dx', 'dy']],
  check({ x, mean, rstd, weight, dy, dx, dWeight, dBias }) {
    const [tokens, width] = matrix('layerNormBackward x', x);
    expectTensor('layerNormBackward mean', mean, [tokens]);
    expectTensor('layerNormBackward rstd', rstd, [tokens]);
    expectShape('layerNormBackward weight', weight, [width]);
    expectShape('layerNormBackward dy', dy, [tokens, width]);
    expectShape('layerNormBackward dx', dx, [tokens, width]);
    if (dWeight) expectShape('layerNormBackward dWeight', dWeight, [width]);
    if (dBias) expectShape('layerNormBackward dBias', dBias, [width]);
  },
  flops: () => 0,
  scratch({ x, weight, dWeight, dBias }) {
    const partialSums = Number(dWeight !== undefined) + Number(dBias !== undefined);
    return 4 * partialSums * Math.ceil((x.shape[0] ?? 0) / normBlockRows) * sizeOf(weight.shape);
  },
};

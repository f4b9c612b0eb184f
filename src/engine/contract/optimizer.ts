import { sizeOf, type Tensor } from '../tensor.js';
import { expectShape, expectTensor, type OpSpec } from './spec.js';
import { requireRounding, type StochasticRounding } from './stochastic-rounding.js';

/** Adam's constants. The direction is U = [M/c1] / (√(V/c2) + ε) with c_i = 1 − β_i^t given by the caller. */
export interface AdamConstants {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly correction1: number;
  readonly correction2: number;
  /** [1]; the gradient is multiplied by it first: the clip factor. */
  readonly gradientScale?: Tensor;
}

/** Adam's constants and moments. */
export interface AdamArgs extends AdamConstants, StochasticRounding {
  /** First moment M, same shape as the gradient. */
  readonly firstMoment: Tensor;
  /** Second moment V, same shape. */
  readonly secondMoment: Tensor;
}

/** AdamW on a dense gradient: M, V updated, then W ← (1 − lr·decay)·W − lr·scale·U. */
export interface AdamWArgs extends AdamArgs {
  readonly weight: Tensor;
  readonly gradient: Tensor;
  readonly learningRate: number;
  /** Factor on the update alone (CompAct's factor of the output projection). */
  readonly updateScale: number;
  readonly weightDecay: number;
}

export const adamW: OpSpec<AdamWArgs> = {
  access: {
    weight: 'update',
    gradient: 'read',
    firstMoment: 'update',
    secondMoment: 'update',
    gradientScale: 'read',
  },
  storage: [['weight'], ['gradient'], ['firstMoment', 'secondMoment']],
  check(args) {
    const { weight, gradient, firstMoment, secondMoment, gradientScale } = args;
    expectShape('adamW gradient', gradient, weight.shape);
    expectShape('adamW firstMoment', firstMoment, weight.shape);
    expectShape('adamW secondMoment', secondMoment, weight.shape);
    if (gradientScale) expectTensor('adamW gradientScale', gradientScale, [1]);
    requireRounding('adamW', [weight, firstMoment], args);
  },
  flops: () => 0,
};

/** Adam's direction in place of the gradient: M, V updated, then gradient ← factor·U. For gradients in a subspace. */
export interface AdamDirectionArgs extends AdamArgs {
  readonly gradient: Tensor;
  readonly factor: number;
}

export const adamDirection: OpSpec<AdamDirectionArgs> = {
  access: { gradient: 'update', firstMoment: 'update', secondMoment: 'update', gradientScale: 'read' },
  storage: [['gradient'], ['firstMoment', 'secondMoment']],
  check(args) {
    const { gradient, firstMoment, secondMoment, gradientScale } = args;
    expectShape('adamDirection firstMoment', firstMoment, gradient.shape);
    expectShape('adamDirection secondMoment', secondMoment, gradient.shape);
    if (gradientScale) expectTensor('adamDirection gradientScale', gradientScale, [1]);
    requireRounding('adamDirection', [firstMoment], args);
  },
  flops: () => 0,
};

/** Elements whose squares are summed into one partial sum; the partial sums are then added in order. */
export const normBlockElements = 16384;

/** out += Σ x². */
export interface SquaredNormArgs {
  readonly x: Tensor;
  /** [1], added to. */
  readonly out: Tensor;
}

export const squaredNorm: OpSpec<SquaredNormArgs> = {
  access: { x: 'read', out: 'update' },
  storage: [['x']],
  check({ out }) {
    expectTensor('squaredNorm out', out, [1]);
  },
  flops: () => 0,
  scratch: ({ x }) => 4 * Math.ceil(sizeOf(x.shape) / normBlockElements),
};

/** out = min(1, maxNorm / (√squaredNorm + 1e-6)): the factor of clipping by global norm. */
export interface ClipFactorArgs {
  /** [1]. */
  readonly squaredNorm: Tensor;
  /** [1]. */
  readonly out: Tensor;
  readonly maxNorm: number;
}

export const clipFactor: OpSpec<ClipFactorArgs> = {
  access: { squaredNorm: 'read', out: 'write' },
  check({ squaredNorm, out }) {
    expectTensor('clipFactor squaredNorm', squaredNorm, [1]);
    expectTensor('clipFactor out', out, [1]);
  },
  flops: () => 0,
};

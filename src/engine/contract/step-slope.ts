import { sizeOf, type Tensor } from '../tensor.js';
import { packedBytes } from './quantize.js';
import { expectShape, expectTensor, type OpSpec, require } from './spec.js';

/**
 * Activation functions whose derivative is replaced by a step function of four levels (Approx-BP, arXiv 2406.16282): the
 * derivative of Σ aᵢ·max(x − cᵢ, 0), with Σ aᵢ = 1 and Σ aᵢ·cᵢ = 0.
 */
export const stepSlopes = {
  /** For SiLU. */
  resilu2: {
    weights: [-0.04060357190528599, 1.080925428529668, -0.040321856624382146],
    thresholds: [-6.3050461001646445, -0.0008684942046214787, 6.325815242089708],
  },
  /** For GELU. */
  regelu2: {
    weights: [-0.04922261145617846, 1.0979632065417297, -0.048740595085551286],
    thresholds: [-3.1858810036855245, -0.001178821281161997, 3.190832613414926],
  },
} as const;
export type StepSlope = keyof typeof stepSlopes;

/** The four levels, 0, a₁, a₁ + a₂ and 1, as f32. */
export function slopeLevels(function_: StepSlope): readonly number[] {
  const [a1, a2] = stepSlopes[function_].weights;
  return [0, Math.fround(a1), Math.fround(a1 + a2), 1];
}

/** The thresholds as f32. */
export function slopeThresholds(function_: StepSlope): readonly number[] {
  return stepSlopes[function_].thresholds.map(Math.fround);
}

/** For every x the number of thresholds below it, in two bits; four to a byte, element k at bits 2(k mod 4), 2(k mod 4) + 1. */
export interface SlopeCodesArgs {
  /** Any shape. */
  readonly x: Tensor;
  /** [⌈count/4⌉], u8. */
  readonly codes: Tensor;
  readonly function: StepSlope;
}

export const slopeCodes: OpSpec<SlopeCodesArgs> = {
  access: { x: 'read', codes: 'write' },
  storage: [['x']],
  check({ x, codes, function: function_ }) {
    expectTensor('slopeCodes codes', codes, [packedBytes(sizeOf(x.shape), 2)], 'u8');
    require(function_ in stepSlopes, `slopeCodes: no step function ${function_}`);
  },
  flops: () => 0,
};

/** dx = dy·level of the code. */
export interface SlopeBackwardArgs {
  readonly codes: Tensor;
  readonly function: StepSlope;
  /** Any shape. */
  readonly dy: Tensor;
  readonly dx: Tensor;
}

export const slopeBackward: OpSpec<SlopeBackwardArgs> = {
  access: { codes: 'read', dy: 'read', dx: 'write' },
  storage: [['dy', 'dx']],
  inPlace: [['dx', 'dy']],
  check({ codes, dy, dx, function: function_ }) {
    expectShape('slopeBackward dx', dx, dy.shape);
    expectTensor('slopeBackward codes', codes, [packedBytes(sizeOf(dy.shape), 2)], 'u8');
    require(function_ in stepSlopes, `slopeBackward: no step function ${function_}`);
  },
  flops: () => 0,
};

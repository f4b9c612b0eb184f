import { epsilon32, type OpCase, type OpCases } from '../op-case.js';
import { given, normal, output, positive } from '../operands.js';

const shapes: readonly (readonly number[])[] = [[1], [7], [33], [20, 50], [40_000]];

const constants = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, correction1: 1 - 0.9 ** 3, correction2: 1 - 0.999 ** 3 };

function moments(shape: readonly number[], clipped: boolean) {
  return {
    gradient: normal(shape),
    firstMoment: normal(shape, 0.3),
    secondMoment: positive(shape, 0.03),
    ...(clipped && { gradientScale: given([1], [0.37]) }),
  };
}

export const adamWCases: OpCases<'adamW'> = {
  cases: [
    ...shapes.flatMap((shape) =>
      [false, true].map(
        (clipped): OpCase<'adamW'> => ({
          label: `[${shape}]${clipped ? ' clipped' : ''}`,
          operands: { weight: normal(shape), ...moments(shape, clipped) },
          scalars: {
            ...constants,
            learningRate: 1e-3,
            updateScale: clipped ? 0.25 : 1,
            weightDecay: clipped ? 0.1 : 0,
          },
        }),
      ),
    ),
    {
      label: 'first step, large epsilon',
      operands: {
        weight: normal([50]),
        gradient: normal([50], 1e-3),
        firstMoment: given([50], Array(50).fill(0)),
        secondMoment: given([50], Array(50).fill(0)),
      },
      scalars: {
        ...{ beta1: 0.9, beta2: 0.95, epsilon: 1e-2, correction1: 1 - 0.9, correction2: 1 - 0.95 },
        ...{ learningRate: 0.02, updateScale: 1, weightDecay: 0.01 },
      },
    },
    {
      label: 'no gradient at all',
      operands: {
        weight: normal([20]),
        gradient: given([20], Array(20).fill(0)),
        firstMoment: given([20], Array(20).fill(0)),
        secondMoment: given([20], Array(20).fill(0)),
      },
      scalars: { ...constants, learningRate: 1e-3, updateScale: 1, weightDecay: 0.1 },
    },
  ],
  tolerance: (_, name) =>
    name === 'secondMoment'
      ? { absolute: 0, relative: 4 * epsilon32 }
      : { absolute: 4 * epsilon32, relative: 2 * epsilon32 },
  because: 'a few roundings of numbers of about 1; 1 − β must be formed before β is rounded to f32',
};

export const adamDirectionCases: OpCases<'adamDirection'> = {
  cases: shapes.flatMap((shape) =>
    [false, true].map((clipped) => ({
      label: `[${shape}]${clipped ? ' clipped' : ''}`,
      operands: moments(shape, clipped),
      scalars: { ...constants, factor: clipped ? 0.25 : -1 },
    })),
  ),
  tolerance: (_, name) => {
    if (name === 'secondMoment') return { absolute: 0, relative: 4 * epsilon32 };
    // The direction is M/c1 over the root of a number that may be as small as 1e-6.
    if (name === 'gradient') return { absolute: 64 * epsilon32, relative: 8 * epsilon32 };
    return { absolute: 2 * epsilon32, relative: 2 * epsilon32 };
  },
  because: 'M may cancel, with an error of some ε, which the division by √V makes larger',
};

export const squaredNormCases: OpCases<'squaredNorm'> = {
  cases: [...shapes, [3, 16_384], [16_385], [100_001]].map((shape) => ({
    label: `[${shape}]`,
    operands: { x: normal(shape), out: positive([1]) },
    scalars: {},
  })),
  tolerance: ({ x }) => {
    const inBlock = Math.min(
      x.shape.reduce((a, b) => a * b, 1),
      16_384,
    );
    return { absolute: 0, relative: (2 + Math.sqrt(inBlock) / 8) * epsilon32 };
  },
  because: 'no cancellation; roundings of 16 lanes within a block of 16384, and few between blocks',
};

export const clipFactorCases: OpCases<'clipFactor'> = {
  cases: [0, 0.25, 1, 4, 1e12].flatMap((squaredNorm) =>
    [1, 0.3].map((maxNorm) => ({
      label: `squared norm ${squaredNorm}, at most ${maxNorm}`,
      operands: { squaredNorm: given([1], [squaredNorm]), out: output([1]) },
      scalars: { maxNorm },
    })),
  ),
  tolerance: () => ({ absolute: 0, relative: 4 * epsilon32 }),
  because: 'a root, a sum and a division',
};

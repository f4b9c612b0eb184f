import { epsilon32, type OpCase, type OpCases, withInPlace } from '../op-case.js';
import { byIndex, given, normal, normalBf16, output } from '../operands.js';

/** Shapes of elementwise ops: one element, ragged, a matrix, more than one thread's share. */
const shapes: readonly (readonly number[])[] = [[1], [7], [33], [5, 16], [250, 77], [40_000]];

export const fillCases: OpCases<'fill'> = {
  cases: shapes.flatMap((shape) => [
    ...[0, -1.5, 0.1].flatMap((value) =>
      (['f32', 'bf16'] as const).map((dtype) => ({
        label: `[${shape}] with ${value}, ${dtype}`,
        operands: { out: output(shape, dtype) },
        scalars: { value },
      })),
    ),
    { label: `[${shape}] bytes`, operands: { out: output(shape, 'u8') }, scalars: { value: 127 } },
  ]),
  tolerance: () => 'rounded',
  because: 'nothing is computed',
};

const special = [0, -0, 1, -1, 1e-40, 3e38, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN];
/** Halfway between two bf16 numbers, where ties must go to even, and just beside. */
const ties = [1.00390625, 1.01171875, 1.0039063692092896, 1.0039061307907104, -1.00390625, 3.3895314e38];

export const copyCases: OpCases<'copy'> = {
  cases: [
    ...shapes.flatMap((shape): OpCase<'copy'>[] => [
      { label: `[${shape}] f32 to f32`, operands: { x: normal(shape), out: output(shape) }, scalars: {} },
      { label: `[${shape}] f32 to bf16`, operands: { x: normal(shape), out: output(shape, 'bf16') }, scalars: {} },
      { label: `[${shape}] bf16 to f32`, operands: { x: normalBf16(shape), out: output(shape) }, scalars: {} },
      {
        label: `[${shape}] bf16 to bf16`,
        operands: { x: normalBf16(shape), out: output(shape, 'bf16') },
        scalars: {},
      },
    ]),
    { label: 'into another shape', operands: { x: normal([6, 35]), out: output([210]) }, scalars: {} },
    {
      label: 'special values to f32',
      operands: { x: given([special.length], special), out: output([special.length]) },
      scalars: {},
    },
    {
      label: 'special values to bf16',
      operands: { x: given([special.length], special), out: output([special.length], 'bf16') },
      scalars: {},
    },
    {
      label: 'ties to bf16',
      operands: { x: given([3, ties.length], [...ties, ...ties, ...ties]), out: output([3, ties.length], 'bf16') },
      scalars: {},
    },
    // So many that they fill whole vectors of every tier.
    ...[ties, [...special, ...ties]].map(
      (values): OpCase<'copy'> => ({
        label: `${values.length} special values in turn to bf16`,
        operands: {
          x: given([13, values.length], Array(13).fill(values).flat()),
          out: output([13, values.length], 'bf16'),
        },
        scalars: {},
      }),
    ),
  ],
  tolerance: () => 'rounded',
  because: 'one rounding, to nearest with ties to even, and none between equal types',
};

export const addCases: OpCases<'add'> = {
  cases: withInPlace(
    'add',
    shapes.map((shape) => ({
      label: `[${shape}]`,
      operands: { a: normal(shape), b: normal(shape), out: output(shape) },
      scalars: {},
    })),
  ),
  tolerance: () => 'rounded',
  because: 'one rounding',
};

export const multiplyCases: OpCases<'multiply'> = {
  cases: withInPlace(
    'multiply',
    shapes.map((shape) => ({
      label: `[${shape}]`,
      operands: { a: normal(shape), b: normal(shape), out: output(shape) },
      scalars: {},
    })),
  ),
  tolerance: () => 'rounded',
  because: 'one rounding',
};

export const scaleColumnsCases: OpCases<'scaleColumns'> = {
  cases: [
    [1, 1],
    [7, 33],
    [250, 77],
  ].map((shape) => ({
    label: `[${shape}]`,
    operands: { x: normal(shape), factors: normal([shape[1]]) },
    scalars: {},
  })),
  tolerance: () => 'rounded',
  because: 'one rounding',
};

export const scaleCases: OpCases<'scale'> = {
  cases: shapes.flatMap((shape) => [
    ...[0.5, -3].map((factor) => ({
      label: `[${shape}] by ${factor}`,
      operands: { x: normal(shape) },
      scalars: { factor },
    })),
    {
      label: `[${shape}] by a factor on the engine`,
      operands: { x: normal(shape), by: given([1], [0.25]) },
      scalars: { factor: -3 },
    },
  ]),
  tolerance: () => 'rounded',
  because: 'one rounding; the factors are exact in f32',
};

export const axpbyCases: OpCases<'axpby'> = {
  cases: shapes.flatMap((shape) =>
    [undefined, 0.37].map(
      (factor): OpCase<'axpby'> => ({
        label: `[${shape}]${factor === undefined ? '' : ' with a factor'}`,
        operands: { x: normal(shape), out: normal(shape), ...(factor && { alphaFactor: given([1], [factor]) }) },
        scalars: { alpha: -0.3, beta: factor ? 0.9 : 1 },
      }),
    ),
  ),
  tolerance: () => ({ absolute: 2 * epsilon32, relative: 2 * epsilon32 }),
  because: 'both factors are rounded, and so is each product; the sum may cancel',
};

/** Gates far out on both sides, where e^−g overflows or vanishes. */
const extremes = [-1e4, -200, -104, -88.5, -87, -20, -1.278, -1e-8, 0, 1e-8, 20, 87, 88.5, 104, 200, 1e4];
const extremeGate = byIndex([4, 17], (index) => extremes[index % extremes.length]);

export const siluCases: OpCases<'silu'> = {
  cases: withInPlace('silu', [
    ...shapes.map(
      (shape): OpCase<'silu'> => ({
        label: `[${shape}]`,
        operands: { x: normal(shape, 2), out: output(shape) },
        scalars: {},
      }),
    ),
    { label: 'extremes', operands: { x: extremeGate, out: output([4, 17]) }, scalars: {} },
  ]),
  tolerance: () => ({ absolute: 1e-30, relative: 8 * epsilon32 }),
  because: 'an exponential, a division and a product; numbers below 1e-30 may be flushed',
};

export const swigluCases: OpCases<'swiglu'> = {
  cases: withInPlace('swiglu', [
    ...shapes.map(
      (shape): OpCase<'swiglu'> => ({
        label: `[${shape}]`,
        operands: { gate: normal(shape, 2), up: normal(shape), out: output(shape) },
        scalars: {},
      }),
    ),
    ...shapes.map(
      (shape): OpCase<'swiglu'> => ({
        label: `[${shape}] keeping the activated gate`,
        operands: { gate: normal(shape, 2), up: normal(shape), out: output(shape), activated: output(shape) },
        scalars: {},
      }),
    ),
    {
      label: 'extreme gates',
      operands: { gate: extremeGate, up: normal([4, 17]), out: output([4, 17]), activated: output([4, 17]) },
      scalars: {},
    },
  ]),
  tolerance: () => ({ absolute: 1e-30, relative: 8 * epsilon32 }),
  because: 'an exponential, a division and two products; numbers below 1e-30 may be flushed',
};

export const swigluBackwardCases: OpCases<'swigluBackward'> = {
  cases: withInPlace('swigluBackward', [
    ...shapes.flatMap((shape) =>
      [false, true].map(
        (kept): OpCase<'swigluBackward'> => ({
          label: `[${shape}]${kept ? ' with the activated gate kept' : ''}`,
          operands: {
            gate: normal(shape, 2),
            up: normal(shape),
            ...(kept && { activated: normal(shape) }),
            dy: normal(shape),
            dGate: output(shape),
            dUp: output(shape),
          },
          scalars: {},
        }),
      ),
    ),
    {
      label: 'extreme gates',
      operands: {
        gate: extremeGate,
        up: normal([4, 17]),
        dy: normal([4, 17]),
        dGate: output([4, 17]),
        dUp: output([4, 17]),
      },
      scalars: {},
    },
  ]),
  tolerance: () => ({ absolute: 16 * epsilon32, relative: 8 * epsilon32 }),
  because: '1 + g·(1−σ) cancels near g = −1.28, so the error is in proportion to its terms, of some units',
};

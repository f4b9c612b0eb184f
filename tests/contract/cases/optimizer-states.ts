import { threefry } from '../../../src/engine/index.js';
import { sizeOf } from '../../../src/engine/tensor.js';
import { epsilon32, type OpCase, type OpCases } from '../op-case.js';
import { given, normal, type Operand, positive } from '../operands.js';

const constants = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, correction1: 1 - 0.9 ** 3, correction2: 1 - 0.999 ** 3 };
const clip = { gradientScale: given([1], [0.37]) };

/** Random codes from `least` on. */
function codes(shape: readonly number[], least = 0): Operand {
  const code = (key: readonly [number, number], i: number) => least + (threefry(key, i, 0)[0] % (256 - least));
  return { shape, dtype: 'u8', values: (key, length) => Uint8Array.from({ length }, (_, i) => code(key, i)) };
}

/** Scales of the blocks: magnitudes that are not 0. */
function scales(count: number, about: number): Operand {
  return given(
    [count],
    Array.from({ length: count }, (_, i) => Math.fround(about * (1 + (i % 7)))),
  );
}

function moments8bit(shape: readonly number[], blockSize: number) {
  const blocks = Math.ceil(sizeOf(shape) / blockSize);
  return {
    gradient: normal(shape),
    firstCodes: codes(shape),
    firstScales: scales(blocks, 0.3),
    // From 0.05 on: the direction is not made large by a tiny root.
    secondCodes: codes(shape, 96),
    secondScales: scales(blocks, 0.03),
  };
}

const shapes8bit: readonly (readonly [shape: readonly number[], blockSize: number])[] = [
  [[1], 1],
  [[7], 4],
  [[33], 256],
  [[20, 50], 256],
  [[9, 1000], 2048],
  [[10_001], 4096],
];

export const adam8bitDirectionCases: OpCases<'adam8bitDirection'> = {
  cases: [
    ...shapes8bit.flatMap(([shape, blockSize]) =>
      [false, true].map(
        (clipped): OpCase<'adam8bitDirection'> => ({
          label: `[${shape}] in blocks of ${blockSize}${clipped ? ' clipped' : ''}`,
          operands: { ...moments8bit(shape, blockSize), ...(clipped && clip) },
          scalars: { ...constants, blockSize, factor: clipped ? 0.25 : -1 },
        }),
      ),
    ),
    {
      label: 'first step',
      operands: {
        ...moments8bit([300], 256),
        firstScales: given([2], [0, 0]),
        secondScales: given([2], [0, 0]),
      },
      scalars: {
        ...{ beta1: 0.9, beta2: 0.95, epsilon: 1e-2, correction1: 1 - 0.9, correction2: 1 - 0.95 },
        ...{ blockSize: 256, factor: -0.02 },
      },
    },
    {
      label: 'no gradient in a block that never had any',
      operands: {
        ...moments8bit([100], 64),
        gradient: given([100], Array(100).fill(0)),
        firstScales: given([2], [0, 0]),
        secondScales: given([2], [0, 0]),
      },
      scalars: { ...constants, blockSize: 64, factor: 1 },
    },
  ],
  tolerance: (_, name) => {
    if (name.endsWith('Codes')) return { absolute: 1, relative: 0 };
    if (name.endsWith('Scales')) return { absolute: 0, relative: 8 * epsilon32 };
    return { absolute: 64 * epsilon32, relative: 8 * epsilon32 };
  },
  because:
    'a value half-way between two codes may go to either, by the rounding of f32; the rest is as for adamDirection',
};

const shapesMini: readonly (readonly [shape: readonly number[], along: 'rows' | 'columns', blocks: number])[] = [
  [[1, 1], 'rows', 1],
  [[1, 33], 'rows', 1],
  [[6, 50], 'rows', 6],
  [[6, 50], 'rows', 2],
  [[4, 40_000], 'rows', 4],
  [[300, 5], 'columns', 5],
  [[700, 601], 'columns', 601],
];

export const adamMiniDirectionCases: OpCases<'adamMiniDirection'> = {
  cases: shapesMini.flatMap(([shape, along, blocks]) =>
    [false, true].map(
      (clipped): OpCase<'adamMiniDirection'> => ({
        label: `[${shape}], ${blocks} blocks of ${along}${clipped ? ' clipped' : ''}`,
        operands: {
          gradient: normal(shape),
          firstMoment: normal(shape, 0.3),
          secondMoment: positive([blocks], 0.03),
          ...(clipped && clip),
        },
        scalars: { ...constants, along, factor: clipped ? 0.25 : -1 },
      }),
    ),
  ),
  tolerance: (_, name) => {
    if (name === 'secondMoment') return { absolute: 0, relative: 16 * epsilon32 };
    if (name === 'gradient') return { absolute: 64 * epsilon32, relative: 16 * epsilon32 };
    return { absolute: 2 * epsilon32, relative: 2 * epsilon32 };
  },
  because: 'M may cancel, which the division makes larger; sums of squares have partial sums in f32',
};

const shapesFactored = [
  [1, 1],
  [1, 40],
  [40, 1],
  [20, 50],
  [700, 601],
  [5, 40_000],
] as const;

const adafactorNumbers = { decay: 0.7, epsilon: 1e-30, clipThreshold: 1, minimumScale: 1e-3 };

export const adafactorDirectionCases: OpCases<'adafactorDirection'> = {
  cases: [
    ...shapesFactored.flatMap((shape) =>
      [false, true].map(
        (clipped): OpCase<'adafactorDirection'> => ({
          label: `[${shape}] in factors${clipped ? ' clipped' : ''}`,
          operands: {
            gradient: normal(shape),
            rowMoment: positive([shape[0]]),
            columnMoment: positive([shape[1]]),
            weight: normal([shape[1], 3], 0.02),
            ...(clipped && clip),
          },
          scalars: { ...adafactorNumbers, factor: clipped ? -0.01 : 1 },
        }),
      ),
    ),
    ...[[1], [7], [40_000]].flatMap((shape) =>
      [false, true].map(
        (clipped): OpCase<'adafactorDirection'> => ({
          label: `[${shape}] with a whole second moment${clipped ? ' clipped' : ''}`,
          operands: {
            gradient: normal(shape),
            secondMoment: positive(shape),
            weight: normal(shape),
            ...(clipped && clip),
          },
          scalars: { ...adafactorNumbers, factor: clipped ? -0.01 : 1 },
        }),
      ),
    ),
    {
      label: 'first step of a weight of zeros, hardly any gradient',
      operands: {
        gradient: normal([20, 30], 1e-9),
        rowMoment: given([20], Array(20).fill(0)),
        columnMoment: given([30], Array(30).fill(0)),
        weight: given([600], Array(600).fill(0)),
      },
      scalars: { ...adafactorNumbers, decay: 0, factor: -0.01 },
    },
    {
      label: 'no gradient at all',
      operands: {
        gradient: given([4, 3], Array(12).fill(0)),
        rowMoment: given([4], Array(4).fill(0)),
        columnMoment: given([3], Array(3).fill(0)),
        weight: normal([12]),
      },
      scalars: { ...adafactorNumbers, decay: 0, factor: -0.01 },
    },
  ],
  tolerance: () => ({ absolute: 0, relative: 32 * epsilon32 }),
  because: 'nothing cancels; sums of squares have partial sums in f32 and enter through roots',
};

export const normalizeCases: OpCases<'normalize'> = {
  cases: [[1], [7], [33], [20, 50], [3, 16_384], [100_001]].flatMap((shape) =>
    [1e-3, 1].map((size) => ({
      label: `[${shape}] of size ${size}`,
      operands: { x: normal(shape, size) },
      scalars: { factor: 0.75, epsilon: 1e-12 },
    })),
  ),
  tolerance: () => ({ absolute: 0, relative: 24 * epsilon32 }),
  because: 'the sum of squares has partial sums in f32; a root, a division and a product',
};

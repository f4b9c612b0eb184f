import { epsilon32, type OpCase, type OpCases } from '../op-case.js';
import { normal, output } from '../operands.js';

/** Odd widths end inside a pair of gaussian numbers; 64 and 32 are where the words of signs change. */
const shapes: readonly (readonly [number, number])[] = [
  [1, 1],
  [7, 33],
  [3, 64],
  [5, 65],
  [2, 200],
  [200, 31],
  [300, 128],
];

export const randomCases: OpCases<'random'> = {
  cases: (['gaussian', 'rademacher'] as const).flatMap((family) =>
    shapes.map(
      (shape, index): OpCase<'random'> => ({
        label: `${family} ${shape[0]}x${shape[1]}`,
        operands: { out: output(shape) },
        scalars: { family, key: [0xdeadbeef + index, 0xfedcba98], deviation: 1 / Math.sqrt(shape[1]) },
      }),
    ),
  ),
  tolerance: (_, __, { family, deviation }) =>
    family === 'rademacher' ? 'rounded' : { absolute: 5e-7 * deviation, relative: 8 * epsilon32 },
  because: 'signs are exact; logarithm and cosine differ between libraries in the last bits',
};

/** n x r, with room between r and n so that the columns are well conditioned. */
const frames: readonly (readonly [number, number])[] = [
  [1, 1],
  [7, 1],
  [33, 7],
  [64, 16],
  [250, 77],
];

export const orthonormalizeCases: OpCases<'orthonormalize'> = {
  cases: [
    ...frames.map(
      (shape): OpCase<'orthonormalize'> => ({
        label: `${shape[0]}x${shape[1]}`,
        operands: { x: normal(shape) },
        scalars: { factor: Math.sqrt(shape[0] / shape[1]) },
      }),
    ),
    {
      label: '24x24, square',
      operands: { x: normal([24, 24]) },
      scalars: { factor: 1 },
      looser: { factor: 50, because: 'the last columns of a square Gaussian matrix are badly conditioned' },
    },
  ],
  tolerance: ({ x }, _, { factor }) => ({
    absolute: 0.5 * factor * Math.sqrt(x.shape[0]) * epsilon32,
    relative: 4 * epsilon32,
  }),
  because: 'inner products of n terms, √n roundings, times a condition number of some units',
};

import { channelKinds } from '../../../src/engine/contract/channel-scale.js';
import { epsilon32, type OpCase, type OpCases } from '../op-case.js';
import { byIndex, given, normal, output } from '../operands.js';

/** Rows, columns, vectors wanted. */
const shapes: readonly (readonly [number, number, number])[] = [
  [1, 1, 1],
  [1, 19, 1],
  [2, 2, 2],
  [5, 5, 3],
  [8, 40, 8],
  [13, 33, 4],
  [24, 300, 10],
];

/** Rows that get shorter by a quarter each: singular values that lie well apart. */
function graded(rows: number, columns: number) {
  return byIndex([rows, columns], (index) => {
    const noise = Math.sin(12.9898 * (index + 1)) * 43758.5453;
    return Math.fround((noise - Math.floor(noise) - 0.5) * 0.75 ** Math.floor(index / columns));
  });
}

export const singularVectorsCases: OpCases<'singularVectors'> = {
  cases: [
    ...shapes.map(
      ([rows, columns, wanted]): OpCase<'singularVectors'> => ({
        label: `${wanted} of ${rows}x${columns}`,
        operands: { x: graded(rows, columns), out: output([wanted, columns]) },
        scalars: {},
      }),
    ),
    {
      label: 'of zeros',
      operands: { x: given([3, 20], Array(60).fill(0)), out: output([2, 20]) },
      scalars: {},
    },
  ],
  tolerance: () => ({ absolute: 2e-5, relative: 2e-5 }),
  because: 'rows count as orthogonal at 1e-6, which turns vectors by that over the gap of their singular values',
};

/** Rows, columns, rank. */
const channelShapes: readonly (readonly [number, number, number])[] = [
  [1, 1, 1],
  [7, 33, 3],
  [40, 16, 16],
  [130, 300, 5],
];

export const channelScaleCases: OpCases<'channelScale'> = {
  cases: channelShapes.flatMap(([rows, columns, rank]) =>
    channelKinds.map((channels): OpCase<'channelScale'> => {
      const shape = channels === 'columns' ? [rank, columns] : [rows, rank];
      return {
        label: `${channels} of ${rows}x${columns}, rank ${rank}`,
        operands: { x: normal([rows, columns]), projected: normal(shape), direction: normal(shape, 3) },
        scalars: { channels },
      };
    }),
  ),
  tolerance: () => ({ absolute: 0, relative: 12 * epsilon32 }),
  because: 'two roots of sums without cancellation, a division and a product',
};

export const limitGrowthCases: OpCases<'limitGrowth'> = {
  cases: [
    ['the first step', 0],
    ['grown too much', 2],
    ['grown a little', 22.3],
    ['shrunk', 1000],
  ].map(
    ([label, previous]): OpCase<'limitGrowth'> => ({
      label: String(label),
      operands: { x: normal([20, 25]), previous: given([1], [Number(previous)]) },
      scalars: { factor: -0.125 },
    }),
  ),
  tolerance: () => ({ absolute: 0, relative: 12 * epsilon32 }),
  because: 'the root of a sum without cancellation, divisions and a product',
};

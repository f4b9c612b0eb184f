import { epsilon32, type OpCase, type OpCases } from '../op-case.js';
import { given, normal, output } from '../operands.js';

/** Tokens, width, size of a sub-token; also where the last one is shorter, and where there is but one. */
const sizes: readonly (readonly [number, number, number])[] = [
  [1, 1, 1],
  [7, 33, 5],
  [33, 64, 16],
  [150, 172, 43],
  [40, 77, 77],
  [300, 100, 7],
];

export const subtokenDirectionCases: OpCases<'subtokenDirection'> = {
  cases: [
    ...sizes.map(
      ([tokens, width, size]): OpCase<'subtokenDirection'> => ({
        label: `${tokens} tokens of ${width} in pieces of ${size}`,
        operands: { x: normal([tokens, width], 1, 0.2), out: output([size]) },
        scalars: {},
      }),
    ),
    {
      label: 'pieces that cancel',
      operands: { x: given([2, 4], [1, 2, -1, -2, 3, 4, -3, -4]), out: output([2]) },
      scalars: {},
    },
  ],
  tolerance: () => ({ absolute: 2 * epsilon32, relative: 2 * epsilon32 }),
  because: 'float64 sums, rounded before and after the division by their length',
};

export const subtokenProjectCases: OpCases<'subtokenProject'> = {
  cases: sizes.map(([tokens, width, size]) => ({
    label: `${tokens} tokens of ${width} in pieces of ${size}`,
    operands: {
      x: normal([tokens, width]),
      direction: normal([size]),
      out: output([tokens, Math.ceil(width / size)]),
    },
    scalars: {},
  })),
  tolerance: ({ direction }) => ({ absolute: 2 * direction.shape[0] * epsilon32, relative: 2 * epsilon32 }),
  because: 'M terms of about 1: √M roundings of partial sums of up to √M',
};

export const subtokenExpandCases: OpCases<'subtokenExpand'> = {
  cases: sizes.flatMap(([rows, width, size]) =>
    [false, true].map((accumulate) => ({
      label: `${rows}x${width} from pieces of ${size}${accumulate ? ', added' : ''}`,
      operands: {
        coefficients: normal([rows, Math.ceil(width / size)]),
        direction: normal([size]),
        out: accumulate ? normal([rows, width]) : output([rows, width]),
      },
      scalars: { factor: 0.7, accumulate },
    })),
  ),
  tolerance: () => ({ absolute: 16 * epsilon32, relative: 4 * epsilon32 }),
  because: 'a product of three of up to 4 each, and a sum',
};

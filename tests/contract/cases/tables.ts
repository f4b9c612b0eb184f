import { epsilon32, type OpCase, type OpCases, withInPlace } from '../op-case.js';
import { byIndex, given, ids, normal, output } from '../operands.js';

/** Tokens, vocabulary, width. */
const sizes: readonly (readonly [number, number, number])[] = [
  [1, 1, 1],
  [7, 33, 5],
  [33, 7, 16],
  [150, 40, 48],
  [300, 3, 77],
];

export const embeddingCases: OpCases<'embedding'> = {
  cases: sizes.map(([tokens, vocabulary, width]) => ({
    label: `${tokens} tokens of ${vocabulary}, width ${width}`,
    operands: { ids: ids(tokens, vocabulary), table: normal([vocabulary, width]), out: output([tokens, width]) },
    scalars: {},
  })),
  tolerance: () => 'rounded',
  because: 'rows are copied',
};

export const embeddingBackwardCases: OpCases<'embeddingBackward'> = {
  cases: [
    ...sizes.map(
      ([tokens, vocabulary, width]): OpCase<'embeddingBackward'> => ({
        label: `${tokens} tokens of ${vocabulary}, width ${width}`,
        operands: { ids: ids(tokens, vocabulary), dy: normal([tokens, width]), dTable: normal([vocabulary, width]) },
        scalars: {},
      }),
    ),
    {
      label: 'ids whose tokens are spread over blocks of work, rows wider than a stripe',
      operands: { ids: ids(70, 5), dy: normal([70, 530]), dTable: normal([5, 530]) },
      scalars: {},
    },
    {
      label: 'one token again and again',
      operands: { ids: given([200], Array(200).fill(2), 'i32'), dy: normal([200, 19]), dTable: normal([4, 19]) },
      scalars: {},
    },
  ],
  tolerance: ({ ids }) => ({ absolute: ids.shape[0] * epsilon32, relative: epsilon32 }),
  because: 'at most N terms of about 1: √N roundings of partial sums of up to √N',
};

interface Rotation {
  readonly sequences: number;
  readonly length: number;
  readonly heads: number;
  readonly width: number;
  readonly offset?: number;
}

const rotations: readonly Rotation[] = [
  { sequences: 1, length: 1, heads: 1, width: 2 },
  { sequences: 2, length: 7, heads: 3, width: 6 },
  { sequences: 1, length: 33, heads: 2, width: 64 },
  { sequences: 3, length: 20, heads: 4, width: 32 },
  { sequences: 1, length: 50, heads: 1, width: 34 },
  { sequences: 2, length: 1, heads: 4, width: 16, offset: 12 },
  { sequences: 1, length: 9, heads: 2, width: 10, offset: 3 },
];

function rope({ sequences, length, heads, width, offset = 0 }: Rotation, inverse: boolean): OpCase<'rope'> {
  const half = width / 2;
  const positions = offset + length + 2;
  const angle = (index: number) => Math.floor(index / half) * 10_000 ** (-(index % half) / half);
  const shape = [sequences * length, heads * width];
  return {
    label: `${sequences} x ${length} tokens from ${offset}, ${heads} heads of ${width}${inverse ? ', turned back' : ''}`,
    operands: {
      x: normal(shape),
      cos: byIndex([positions, half], (index) => Math.cos(angle(index))),
      sin: byIndex([positions, half], (index) => Math.sin(angle(index))),
      out: output(shape),
    },
    scalars: { sequenceLength: length, positionOffset: offset, inverse },
  };
}

export const ropeCases: OpCases<'rope'> = {
  cases: withInPlace(
    'rope',
    rotations.flatMap((rotation) => [rope(rotation, false), rope(rotation, true)]),
  ),
  tolerance: () => ({ absolute: 8 * epsilon32, relative: epsilon32 }),
  because: 'two products of up to 5 and their difference',
};

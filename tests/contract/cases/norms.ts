import { epsilon32, type OpCase, type OpCases, withInPlace } from '../op-case.js';
import { byIndex, normal, output } from '../operands.js';

/** Rows x columns: vectors, ragged widths around the 16 lanes, more rows than a block of 64. */
const sizes: readonly (readonly [number, number])[] = [
  [1, 1],
  [1, 7],
  [7, 33],
  [64, 16],
  [65, 48],
  [150, 31],
  [3, 1376],
  [700, 64],
];

function rmsNorm(
  [tokens, width]: readonly [number, number],
  { normalized = false, epsilon = 1e-6, deviation = 1 } = {},
): OpCase<'rmsNorm'> {
  const tiny = deviation === 1 ? '' : `, inputs of about ${deviation}`;
  return {
    label: `${tokens}x${width}${normalized ? ' keeping the unit rows' : ''}, epsilon ${epsilon}${tiny}`,
    operands: {
      x: normal([tokens, width], deviation),
      weight: normal([width], 0.2, 1),
      out: output([tokens, width]),
      rstd: output([tokens]),
      ...(normalized && { normalized: output([tokens, width]) }),
    },
    scalars: { epsilon },
  };
}

export const rmsNormCases: OpCases<'rmsNorm'> = {
  cases: [
    ...sizes.flatMap((size) => [rmsNorm(size), rmsNorm(size, { normalized: true })]),
    rmsNorm([5, 40], { epsilon: 1e-2 }),
    rmsNorm([5, 40], { deviation: 1e-3 }),
    rmsNorm([5, 40], { deviation: 1e3 }),
  ],
  tolerance: ({ x }) => ({ absolute: 0, relative: (4 + Math.sqrt(x.shape[1]) / 4) * epsilon32 }),
  because: 'only products, of x, γ and rstd; the mean of squares has no cancellation and at most √n roundings',
};

interface BackwardOptions {
  readonly normalized?: boolean;
  readonly accumulate?: boolean;
  readonly weightGradient?: boolean;
}

function rmsNormBackward(
  [tokens, width]: readonly [number, number],
  { normalized = false, accumulate = false, weightGradient = true }: BackwardOptions,
): OpCase<'rmsNormBackward'> {
  const words = [
    normalized ? 'from unit rows' : 'from x',
    ...(accumulate ? ['accumulating'] : []),
    ...(weightGradient ? [] : ['weight frozen']),
  ];
  return {
    label: `${tokens}x${width} ${words.join(', ')}`,
    operands: {
      x: normal([tokens, width]),
      // Any factor of about 1 will do: the formula takes it as given.
      rstd: byIndex([tokens], (row) => 0.8 + 0.4 * ((row * 0.37) % 1)),
      weight: normal([width], 0.2, 1),
      dy: normal([tokens, width]),
      dx: accumulate ? normal([tokens, width]) : output([tokens, width]),
      ...(weightGradient && { dWeight: normal([width]) }),
    },
    scalars: { normalized, accumulate },
  };
}

export const rmsNormBackwardCases: OpCases<'rmsNormBackward'> = {
  cases: withInPlace('rmsNormBackward', [
    ...sizes.map((size) => rmsNormBackward(size, {})),
    ...sizes.map((size) => rmsNormBackward(size, { normalized: true })),
    ...sizes.slice(1, 5).map((size) => rmsNormBackward(size, { accumulate: true })),
    rmsNormBackward([66, 35], { accumulate: true, normalized: true, weightGradient: false }),
    rmsNormBackward([66, 35], { weightGradient: false }),
  ]),
  tolerance({ x }, name) {
    const [tokens, width] = x.shape;
    if (name === 'dWeight') return { absolute: 4 * tokens * epsilon32, relative: epsilon32 };
    return { absolute: (16 + 2 * Math.sqrt(width)) * epsilon32, relative: 2 * epsilon32 };
  },
  because: 'dx: terms of some units, a mean with √n roundings. dγ: √N roundings of partial sums of about √N',
};

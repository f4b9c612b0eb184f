import { epsilon32, type OpCase, type OpCases, withInPlace } from '../op-case.js';
import { byIndex, given, normal, output } from '../operands.js';

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

function layerNorm(
  [tokens, width]: readonly [number, number],
  { epsilon = 1e-5, deviation = 1, mean = 0 } = {},
): OpCase<'layerNorm'> {
  const inputs = deviation === 1 && mean === 0 ? '' : `, inputs of about ${mean} ± ${deviation}`;
  return {
    label: `${tokens}x${width}, epsilon ${epsilon}${inputs}`,
    operands: {
      x: normal([tokens, width], deviation, mean),
      weight: normal([width], 0.2, 1),
      bias: normal([width], 0.3),
      out: output([tokens, width]),
      mean: output([tokens]),
      rstd: output([tokens]),
    },
    scalars: { epsilon },
    ...(mean !== 0 && {
      looser: { factor: 1 + Math.abs(mean), because: 'the mean is taken away from numbers of its size' },
    }),
  };
}

export const layerNormCases: OpCases<'layerNorm'> = {
  cases: [
    // A row of one number is its own mean: nothing of it is left but rounding, so widths start at 7.
    ...sizes.slice(1).map((size) => layerNorm(size)),
    layerNorm([5, 40], { epsilon: 1e-2 }),
    layerNorm([5, 40], { deviation: 1e-3, epsilon: 1e-12 }),
    layerNorm([5, 40], { mean: 30 }),
    layerNorm([5, 40], { deviation: 1e3 }),
  ],
  tolerance({ x }, name) {
    const [, width] = x.shape;
    const roundings = (4 + Math.sqrt(width) / 4) * epsilon32;
    // A row of seven can be small by chance, so that rstd is some units.
    if (name === 'mean') return { absolute: 4 * roundings, relative: roundings };
    return { absolute: name === 'out' ? 8 * roundings : 0, relative: 4 * roundings };
  },
  because: 'a mean and a centred sum of squares with √n roundings each, and a difference of numbers of about 1',
};

interface BackwardOptions {
  readonly accumulate?: boolean;
  readonly dWeight?: boolean;
  readonly dBias?: boolean;
}

function layerNormBackward(
  [tokens, width]: readonly [number, number],
  { accumulate = false, dWeight = true, dBias = true }: BackwardOptions = {},
): OpCase<'layerNormBackward'> {
  const words = [
    ...(accumulate ? [', accumulating'] : []),
    ...(dWeight ? [] : [', weight frozen']),
    ...(dBias ? [] : [', bias frozen']),
  ];
  return {
    label: `${tokens}x${width}${words.join('')}`,
    operands: {
      x: normal([tokens, width]),
      // Any mean of about 0 and factor of about 1 will do: the formula takes them as given.
      mean: byIndex([tokens], (row) => 0.2 * ((row * 0.61) % 1)),
      rstd: byIndex([tokens], (row) => 0.8 + 0.4 * ((row * 0.37) % 1)),
      weight: normal([width], 0.2, 1),
      dy: normal([tokens, width]),
      dx: accumulate ? normal([tokens, width]) : output([tokens, width]),
      ...(dWeight && { dWeight: normal([width]) }),
      ...(dBias && { dBias: normal([width]) }),
    },
    scalars: { accumulate },
  };
}

export const layerNormBackwardCases: OpCases<'layerNormBackward'> = {
  cases: withInPlace('layerNormBackward', [
    ...sizes.map((size) => layerNormBackward(size)),
    ...sizes.slice(1, 5).map((size) => layerNormBackward(size, { accumulate: true })),
    layerNormBackward([66, 35], { dWeight: false }),
    layerNormBackward([66, 35], { dBias: false }),
    layerNormBackward([66, 35], { dWeight: false, dBias: false, accumulate: true }),
  ]),
  tolerance({ x }, name) {
    const [tokens, width] = x.shape;
    if (name !== 'dx') return { absolute: 4 * tokens * epsilon32, relative: epsilon32 };
    return { absolute: (24 + 2 * Math.sqrt(width)) * epsilon32, relative: 2 * epsilon32 };
  },
  because: 'dx: terms of some units, two means with √n roundings. dγ, dβ: √N roundings of partial sums of about √N',
};

/** Elements around the 16 lanes and more than one block. */
const lengths = [1, 7, 16, 100, 40_003];
const forms = ['exact', 'tanh'] as const;
/** From where nothing is left of GELU to where it is the identity, zero and the ends of the polynomials' ranges included. */
const sweep = byIndex([2001], (index) => (index - 1000) / 100);

export const geluCases: OpCases<'gelu'> = {
  cases: withInPlace('gelu', [
    ...forms.flatMap((form) => [
      ...lengths.map(
        (length): OpCase<'gelu'> => ({
          label: `${form}, ${length}`,
          operands: { x: normal([length], 2), out: output([length]) },
          scalars: { form },
        }),
      ),
      { label: `${form}, from -10 to 10`, operands: { x: sweep, out: output([2001]) }, scalars: { form } },
    ]),
  ]),
  tolerance: () => ({ absolute: 4 * epsilon32, relative: 4 * epsilon32 }),
  because: 'Φ has an absolute error of about an ulp of 1, and is multiplied by x',
};

export const geluBackwardCases: OpCases<'geluBackward'> = {
  cases: withInPlace('geluBackward', [
    ...forms.flatMap((form) => [
      ...lengths.map(
        (length): OpCase<'geluBackward'> => ({
          label: `${form}, ${length}`,
          operands: { x: normal([length], 2), dy: normal([length]), dx: output([length]) },
          scalars: { form },
        }),
      ),
      {
        label: `${form}, from -10 to 10`,
        operands: { x: sweep, dy: normal([2001]), dx: output([2001]) },
        scalars: { form },
      } satisfies OpCase<'geluBackward'>,
    ]),
  ]),
  tolerance: () => ({ absolute: 32 * epsilon32, relative: 16 * epsilon32 }),
  because:
    'Φ + x·φ with an error of about an ulp of 1 each, times dy of up to 4; the cubic in σ adds some ulps of its argument',
};

export const tanhCases: OpCases<'tanh'> = {
  cases: withInPlace('tanh', [
    ...lengths.map(
      (length): OpCase<'tanh'> => ({
        label: `${length}`,
        operands: { x: normal([length]), out: output([length]) },
        scalars: {},
      }),
    ),
    { label: 'from -10 to 10', operands: { x: sweep, out: output([2001]) }, scalars: {} },
    { label: 'near 0', operands: { x: normal([100], 1e-4), out: output([100]) }, scalars: {} },
  ]),
  tolerance: () => ({ absolute: 0, relative: 4 * epsilon32 }),
  because: 'a polynomial without cancellation near 0, 1 less a small fraction beyond',
};

export const tanhBackwardCases: OpCases<'tanhBackward'> = {
  cases: withInPlace(
    'tanhBackward',
    lengths.map(
      (length): OpCase<'tanhBackward'> => ({
        label: `${length}`,
        operands: {
          y: byIndex([length], (index) => Math.tanh(Math.sin(index) * 2)),
          dy: normal([length]),
          dx: output([length]),
        },
        scalars: {},
      }),
    ),
  ),
  tolerance: () => ({ absolute: 2 * epsilon32, relative: 2 * epsilon32 }),
  because: 'one fused multiply-add and one product',
};

export const addBiasCases: OpCases<'addBias'> = {
  cases: withInPlace(
    'addBias',
    sizes.map(
      ([rows, columns]): OpCase<'addBias'> => ({
        label: `${rows}x${columns}`,
        operands: { x: normal([rows, columns]), bias: normal([columns]), out: output([rows, columns]) },
        scalars: {},
      }),
    ),
  ),
  tolerance: () => 'rounded',
  because: 'one sum',
};

export const columnSumCases: OpCases<'columnSum'> = {
  cases: sizes.map(
    ([rows, columns]): OpCase<'columnSum'> => ({
      label: `${rows}x${columns}`,
      operands: { x: normal([rows, columns]), out: normal([columns]) },
      scalars: {},
    }),
  ),
  tolerance: ({ x }) => ({ absolute: 2 * x.shape[0] * epsilon32, relative: epsilon32 }),
  because: '√N roundings of partial sums of about √N',
};

function dropout(
  [rows, columns]: readonly [number, number],
  probability: number,
  { residual = false, mask = false } = {},
): OpCase<'dropout'> {
  return {
    label: `${rows}x${columns}, p ${probability}${residual ? ', plus a residual' : ''}${mask ? ', mask kept' : ''}`,
    operands: {
      x: normal([rows, columns]),
      out: output([rows, columns]),
      ...(residual && { residual: normal([rows, columns]) }),
      ...(mask && { mask: output([rows, columns], 'u8') }),
    },
    scalars: { probability, key: [0x12345678, 0x9abcdef0] },
  };
}

export const dropoutCases: OpCases<'dropout'> = {
  cases: withInPlace('dropout', [
    ...sizes.map((size) => dropout(size, 0.1)),
    ...sizes.slice(2, 6).map((size) => dropout(size, 0.5, { mask: true })),
    ...sizes.slice(2, 6).map((size) => dropout(size, 0.25, { residual: true, mask: true })),
    dropout([40, 35], 0.1, { residual: true }),
    dropout([40, 35], 0),
    dropout([40, 35], 0, { residual: true, mask: true }),
    dropout([40, 35], 0.999),
  ]),
  tolerance: (_, __, { probability }) => ({ absolute: (4 * epsilon32) / (1 - probability), relative: epsilon32 }),
  because: 'a product with 1/(1 − p), itself rounded, and a sum; the mask is exact',
};

export const dropoutBackwardCases: OpCases<'dropoutBackward'> = {
  cases: withInPlace(
    'dropoutBackward',
    lengths.map(
      (length): OpCase<'dropoutBackward'> => ({
        label: `${length}`,
        operands: {
          dy: normal([length]),
          mask: given(
            [length],
            Array.from({ length }, (_, i) => Number(i % 3 !== 0)),
            'u8',
          ),
          dx: output([length]),
        },
        scalars: { probability: 0.3 },
      }),
    ),
  ),
  tolerance: () => ({ absolute: 0, relative: 2 * epsilon32 }),
  because: 'a product with 1/(1 − p), itself rounded',
};

export const squaredErrorCases: OpCases<'squaredError'> = {
  cases: withInPlace('squaredError', [
    ...[1, 7, 100].flatMap((length) =>
      [false, true].map(
        (gradient): OpCase<'squaredError'> => ({
          label: `${length}${gradient ? '' : ', loss only'}`,
          operands: {
            predictions: normal([length, 1], 3),
            targets: normal([length], 3),
            loss: normal([1]),
            ...(gradient && { dPredictions: output([length, 1]) }),
          },
          scalars: { scale: 1 / length },
        }),
      ),
    ),
  ]),
  tolerance: (_, name, { scale }) =>
    name === 'loss'
      ? { absolute: 4 * epsilon32, relative: 2 * epsilon32 }
      : { absolute: 8 * scale * epsilon32, relative: epsilon32 },
  because: 'sums in float64, rounded once; the loss is added to a number of about 1',
};

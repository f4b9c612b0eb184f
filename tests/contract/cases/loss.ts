import { epsilon32, type OpCase, type OpCases, withInPlace } from '../op-case.js';
import { byIndex, given, normal, output, targets } from '../operands.js';

/** Rows x vocabulary. */
const sizes: readonly (readonly [number, number])[] = [
  [1, 1],
  [7, 33],
  [33, 7],
  [64, 100],
  [150, 17],
  [5, 3000],
  [300, 260],
];

/** Logits far from zero: exp of them overflows unless the largest is taken out first. */
const farLogits = byIndex([6, 50], (index) => 1000 * Math.sin(index) + (index < 100 ? 3000 : -3000));
const far = { factor: 4000, because: 'logits of some thousands have an error in proportion' } as const;

/** √V roundings in the sum, and log, exp and the difference on numbers of up to about 10. */
const rowError = (columns: number) => (16 + Math.sqrt(columns) / 2) * epsilon32;

export const logSoftmaxCases: OpCases<'logSoftmax'> = {
  cases: withInPlace('logSoftmax', [
    ...sizes.map(
      (size): OpCase<'logSoftmax'> => ({
        label: `${size[0]}x${size[1]}`,
        operands: { x: normal(size, 3), out: output(size) },
        scalars: {},
      }),
    ),
    { label: 'far from zero', operands: { x: farLogits, out: output([6, 50]) }, scalars: {}, looser: far },
  ]),
  tolerance: ({ x }) => ({ absolute: rowError(x.shape[1]), relative: epsilon32 }),
  because: 'a log-sum-exp with √V roundings, subtracted from numbers of about 10',
};

export const nllLossCases: OpCases<'nllLoss'> = {
  cases: [
    ...sizes.flatMap(([rows, columns]) =>
      [false, true].map(
        (ignored): OpCase<'nllLoss'> => ({
          label: `${rows}x${columns}${ignored ? ' with ignored targets' : ''}`,
          operands: {
            logProbs: normal([rows, columns], 1, -4),
            targets: targets(rows, columns, ignored),
            loss: normal([1]),
          },
          scalars: { scale: 1 / rows },
        }),
      ),
    ),
    {
      label: 'all targets ignored',
      operands: { logProbs: normal([3, 5]), targets: given([3], [-100, -100, -100], 'i32'), loss: normal([1]) },
      scalars: { scale: 1 },
    },
  ],
  tolerance: ({ targets }) => ({
    absolute: 8 * Math.sqrt(targets.shape[0]) * epsilon32,
    relative: 2 * epsilon32,
  }),
  because: 'a mean of numbers of about 4 with √N roundings',
};

export const nllLossBackwardCases: OpCases<'nllLossBackward'> = {
  cases: withInPlace(
    'nllLossBackward',
    sizes.flatMap(([rows, columns]) =>
      [false, true].map(
        (ignored): OpCase<'nllLossBackward'> => ({
          label: `${rows}x${columns}${ignored ? ' with ignored targets' : ''}`,
          operands: {
            logProbs: normal([rows, columns], 1, -4),
            targets: targets(rows, columns, ignored),
            dLogits: output([rows, columns]),
          },
          scalars: { scale: 1 / rows },
        }),
      ),
    ),
  ),
  tolerance: (_, __, { scale }) => ({ absolute: scale * epsilon32, relative: 8 * epsilon32 }),
  because: 'an exponential of at most about 1, less 1, times the scale',
};

export const crossEntropyCases: OpCases<'crossEntropy'> = {
  cases: withInPlace('crossEntropy', [
    ...sizes.flatMap(([rows, columns]) =>
      [false, true].flatMap((ignored) =>
        [false, true].map(
          (gradient): OpCase<'crossEntropy'> => ({
            label: `${rows}x${columns}${ignored ? ' with ignored targets' : ''}${gradient ? '' : ', loss only'}`,
            operands: {
              logits: normal([rows, columns], 3),
              targets: targets(rows, columns, ignored),
              loss: normal([1]),
              ...(gradient && { dLogits: output([rows, columns]) }),
            },
            scalars: { scale: 1 / rows },
          }),
        ),
      ),
    ),
    {
      label: 'far from zero',
      operands: {
        logits: farLogits,
        targets: targets(6, 50, false),
        loss: normal([1]),
        dLogits: output([6, 50]),
      },
      scalars: { scale: 0.25 },
      looser: far,
    },
  ]),
  tolerance({ logits }, name, { scale }) {
    const [rows, columns] = logits.shape;
    if (name === 'loss') {
      const ofRows = scale * rows * rowError(columns);
      return { absolute: ofRows + 8 * Math.sqrt(rows) * epsilon32, relative: 2 * epsilon32 };
    }
    return { absolute: scale * rowError(columns), relative: rowError(columns) };
  },
  because:
    'the error of log-sum-exp, of about 10, is a relative error of the probabilities; the loss is a mean of rows',
};

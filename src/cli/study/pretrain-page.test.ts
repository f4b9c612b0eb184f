import { describe, expect, it } from 'vitest';
import { studyResults, studyTable } from './pretrain-page.js';
import type { PretrainRow } from './pretrain-rows.js';

const row = (method: string, lr: number, seed: number, loss: number | undefined, sameAs = ''): PretrainRow => ({
  ...{ method, lr, seed, loss, sameAs, steps: 10, tokens: 320 },
  ...{ peak: method === 'lean' ? 2 ** 20 : 2 ** 21, savedPeak: 2 ** 19, secondsPerStep: 0.5 },
});

const rows = [
  row('full', 0.001, 0, 3),
  row('full', 0.002, 0, 2),
  row('full', 0.002, 1, 2.5),
  row('lean', 0.002, 0, undefined, 'full'),
  row('compact', 0.008, 0, 1.5),
  row('compact', 0.016, 0, undefined),
  row('compact', 0.008, 1, 2.25),
  row('mesa', 1, 0, undefined),
];

describe('the page of a pre-training study', () => {
  it('has each method at its best rate, leaves out what diverged everywhere', () => {
    const results = studyResults(rows, 0, ['full']);
    expect(results.map(({ method, lr, losses }) => [method, lr, [...losses]])).toEqual([
      [
        'full',
        0.002,
        [
          [0, 2],
          [1, 2.5],
        ],
      ],
      [
        'lean',
        0.002,
        [
          [0, 2],
          [1, 2.5],
        ],
      ],
      [
        'compact',
        0.008,
        [
          [0, 1.5],
          [1, 2.25],
        ],
      ],
    ]);
  });

  it('has them in the order in which they were asked for, whichever ended first', () => {
    const results = studyResults(rows.toReversed(), 0, ['lean', 'galore', 'full']);
    expect(results.map(({ method }) => method)).toEqual(['lean', 'full', 'compact']);
  });

  it('compares seed by seed, best first; a repetition has its own bytes', () => {
    const [, , first, second, third] = studyTable(studyResults(rows, 0, ['full']), 'full').split('\n');
    expect(first).toContain('| `compact` | 1.875 ± 0.530 | 2 | -0.375 ± 0.177 | 0.008 | 2.00 MiB |');
    expect(second).toContain('| `full` | 2.250 ± 0.354 | 2 | +0.000 ± 0.000 |');
    expect(third).toContain('| `lean` (the bits of `full`) | 2.250 ± 0.354 | 2 | +0.000 ± 0.000 | 0.002 | 1.00 MiB |');
  });
});

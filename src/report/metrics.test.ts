import { describe, expect, it } from 'vitest';
import { withMetrics } from './metrics.js';
import type { RunSummary } from './summary.js';
import { exampleSingleRun } from './testing/example.js';

/** A run resumed after step 3 that ended at step 5. */
const resumed: RunSummary = {
  ...exampleSingleRun(),
  steps: 5,
  firstStep: 4,
  losses: [4, 5],
  learningRates: [0.1, 0.1],
  stepSeconds: [1, 1],
  validation: [],
};

const line = (step: number, loss: number | null, rest = {}) =>
  `${JSON.stringify({ step, steps: 5, loss, learningRate: 0.5, tokens: step * 10, seconds: 2, saved: false, ...rest })}\n`;

describe('withMetrics', () => {
  it('tells the whole history of a resumed run', () => {
    const lines = [1, 2, 3, 4, 5].map((step) => line(step, 10 - step, step === 3 ? { validationLoss: 6.5 } : {}));
    const summary = withMetrics(resumed, lines.join(''), 'metrics.jsonl');
    expect(summary.firstStep).toBe(1);
    expect(summary.losses).toEqual([9, 8, 7, 6, 5]);
    expect(summary.stepSeconds).toEqual([2, 2, 2, 2, 2]);
    expect(summary.validation).toEqual([{ step: 3, loss: 6.5 }]);
  });

  it('counts steps that were trained again once, the last time', () => {
    const lines = [line(1, 1), line(2, 2), line(3, 3), line(2, 20), line(3, 30), line(4, 40), line(5, 50)];
    expect(withMetrics(resumed, lines.join(''), 'metrics.jsonl').losses).toEqual([1, 20, 30, 40, 50]);
  });

  it('keeps the summary when the file tells of fewer steps, or of another run', () => {
    expect(withMetrics(resumed, '', 'metrics.jsonl')).toBe(resumed);
    expect(withMetrics(resumed, line(5, 1), 'metrics.jsonl')).toBe(resumed);
    expect(withMetrics(resumed, line(1, 1) + line(2, 1) + line(5, 1) + line(9, 1), 'metrics.jsonl')).toBe(resumed);
  });

  it('ignores a line that was cut off, and reads what a resumed run wrote behind it', () => {
    const lines = [1, 2, 3].map((step) => line(step, step)).join('');
    const text = `${lines}{"step":4,"lo${line(4, 40, { memory: { live: 1, byRole: { saved: 1 } } })}${line(5, 50)}`;
    expect(withMetrics(resumed, text, 'metrics.jsonl').losses).toEqual([1, 2, 3, 40, 50]);
  });

  it('ignores a last line that was cut off', () => {
    const lines = [1, 2, 3, 4, 5].map((step) => line(step, step)).join('');
    expect(withMetrics(resumed, `${lines}{"step":6,"lo`, 'metrics.jsonl').losses).toEqual([1, 2, 3, 4, 5]);
  });

  it('keeps losses that were not a number', () => {
    const lines = [1, 2, 3, 4, 5].map((step) => line(step, step === 2 ? null : step)).join('');
    expect(withMetrics(resumed, lines, 'metrics.jsonl').losses).toEqual([1, null, 3, 4, 5]);
  });

  it('names line and field that do not fit', () => {
    const read = (text: string) => () => withMetrics(resumed, text, 'run/metrics.jsonl');
    expect(read(`${line(1, 1)}{"step":"2"}\n`)).toThrow(/^run\/metrics\.jsonl:2: step: /);
    expect(read(`nonsense\n${line(1, 1)}`)).toThrow('run/metrics.jsonl:1: line: not JSON');
  });
});

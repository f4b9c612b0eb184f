import { describe, expect, it } from 'vitest';
import { compareHeadline, compareSentence, otherSentences, runHeadline } from './headline.js';
import type { RunSummary } from './summary.js';
import { exampleComparison } from './testing/example.js';

const [full] = exampleComparison().runs;

/** The example's first run with these figures: peak, validation loss, tokens per second. */
function run(name: string, peak: number, valLoss: number | null | undefined, tokensPerSecond: number): RunSummary {
  const { valLoss: _, ...rest } = full;
  const { memory } = full;
  return {
    ...rest,
    name,
    tokensPerSecond,
    memory: { ...memory, measured: { ...memory.measured, peak } },
    ...(valLoss !== undefined && { valLoss }),
  };
}

const reference = run('full', 1000, 2, 100);
const against = (peak: number, valLoss: number | null | undefined, speed: number) =>
  compareSentence(run('compact', peak, valLoss, speed), reference);

describe('compareSentence', () => {
  it('says what is better and what it costs', () => {
    expect(against(600, 2.03, 121)).toBe(
      'compact trains with 40 % less memory than full at a validation loss 0.03 higher, 1.2 times as fast.',
    );
  });

  it('says so when everything is worse', () => {
    expect(against(1204, 2.5, 80)).toBe(
      'compact trains with 20 % more memory than full at a validation loss 0.50 higher, 0.80 times as fast.',
    );
  });

  it('says so when everything is better', () => {
    expect(against(250, 1.9, 250)).toBe(
      'compact trains with 75 % less memory than full at a validation loss 0.10 lower, 2.5 times as fast.',
    );
  });

  it('says so when nothing differs', () => {
    expect(against(1001, 2.0002, 101)).toBe(
      'compact trains with as much memory as full at the same validation loss, equally fast.',
    );
  });

  it('shows small differences that can be seen in the table', () => {
    expect(against(600, 2.004, 104)).toContain('a validation loss 0.004 higher, 1.04 times as fast');
    expect(against(600, 1.996, 97)).toContain('a validation loss 0.004 lower, 0.97 times as fast');
  });

  it('does not hide a lost validation loss', () => {
    expect(against(600, Number.NaN, 100)).toContain('at a validation loss that is not a number');
    expect(against(600, null, 100)).toContain('at a validation loss that is not a number');
    expect(compareSentence(reference, run('bad', 500, null, 100))).toContain('of 2.000 (bad: not a number)');
  });

  it('falls back on the training loss when validation was not measured in both', () => {
    expect(against(600, undefined, 100)).toContain('the same final training loss');
  });

  it('does not divide by nothing', () => {
    expect(compareSentence(reference, run('empty', 0, 2, 0))).toBe(
      'full trains with memory that cannot be compared with empty at the same validation loss, at a speed that cannot be compared.',
    );
  });
});

describe('headlines', () => {
  it('takes the run with the lowest peak, and leaves the others to further sentences', () => {
    const runs = [reference, run('lean', 700, 2, 105), run('compact', 600, 2.03, 120)];
    const summary = { ...exampleComparison(), runs };
    expect(compareHeadline(summary)).toMatch(/^compact trains with 40 % less/);
    expect(otherSentences(summary)).toEqual([
      'lean trains with 30 % less memory than full at the same validation loss, 1.05 times as fast.',
    ]);
  });

  it('describes a run that stands alone', () => {
    const summary = { ...exampleComparison(), runs: [full] };
    expect(compareHeadline(summary)).toBe(runHeadline(full));
    expect(runHeadline(full)).toMatch(
      /^full: 500 steps on 1\.02 M tokens in 1 min 50 s, validation loss 2\.\d{3}, at most 681 MiB of memory\.$/,
    );
    expect(otherSentences(summary)).toEqual([]);
  });
});

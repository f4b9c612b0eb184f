import { describe, expect, it } from 'vitest';
import { decide, lossOf } from './decisions.js';

describe('decisions from scores', () => {
  it('take the largest score, with probabilities by softmax', () => {
    const [first, second] = decide(Float32Array.of(0, Math.log(3), 1000, 0), 2, 'classification');
    expect(first.value).toBe(1);
    expect(first.probabilities[0]).toBeCloseTo(0.25, 6);
    expect(first.probabilities[1]).toBeCloseTo(0.75, 6);
    expect(second).toEqual({ value: 0, probabilities: [1, 0] });
    expect(lossOf(first, 0)).toBeCloseTo(Math.log(4), 6);
  });

  it('are the score itself in a regression, its loss the squared error', () => {
    const decisions = decide(Float32Array.of(2.5, -1), 1, 'regression');
    expect(decisions.map(({ value }) => value)).toEqual([2.5, -1]);
    expect(decisions.map((decision) => lossOf(decision, 1))).toEqual([2.25, 4]);
  });
});

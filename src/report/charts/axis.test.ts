import { describe, expect, it } from 'vitest';
import { bytesUnit, roundScale, secondsUnit } from './axis.js';

describe('roundScale', () => {
  it.each([
    [0, 500, 10, { min: 0, max: 500, interval: 50 }],
    [2.13, 3.31, 7, { min: 2, max: 3.4, interval: 0.2 }],
    [0, 681, 8, { min: 0, max: 700, interval: 100 }],
    [0, 1, 5, { min: 0, max: 1, interval: 0.2 }],
    [0, 0.003, 4, { min: 0, max: 0.003, interval: 0.001 }],
  ])('covers %d to %d in about %d', (from, to, ticks, scale) => expect(roundScale(from, to, ticks)).toEqual(scale));

  it.each([
    [2, 2],
    [0, 0],
    [Number.NaN, Number.NaN],
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  ])('makes room around %d to %d', (from, to) => {
    const { min, max, interval } = roundScale(from, to, 5);
    expect(max).toBeGreaterThan(min);
    expect(interval).toBeGreaterThan(0);
  });
});

describe('units', () => {
  it('are those in which the largest value has few digits', () => {
    expect(bytesUnit(681 * 2 ** 20).name).toBe('MiB');
    expect(bytesUnit(5 * 2 ** 30).name).toBe('GiB');
    expect(bytesUnit(900).name).toBe('bytes');
    expect(secondsUnit(100).name).toBe('seconds');
    expect(secondsUnit(900).name).toBe('minutes');
    expect(secondsUnit(40_000).name).toBe('hours');
  });
});

import { describe, expect, it } from 'vitest';
import { formatBytes, formatChange, formatCount, formatDuration, formatFlops, formatLoss, signed } from './format.js';

describe('formatBytes', () => {
  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.00 KiB'],
    [15.25 * 2 ** 20, '15.3 MiB'],
    [512 * 2 ** 20, '512 MiB'],
    [1023.9 * 2 ** 20, '1.00 GiB'],
    [1.53 * 2 ** 30, '1.53 GiB'],
    [3 * 2 ** 50, '3072 TiB'],
    [Number.NaN, '–'],
  ])('%d is %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));
});

describe('formatCount', () => {
  it.each([
    [0, '0'],
    [12_345, '12,345'],
    [99_999, '99,999'],
    [102_400, '102 k'],
    [1_024_000, '1.02 M'],
    [999_999, '1.00 M'],
    [58_073_600, '58.1 M'],
    [Number.POSITIVE_INFINITY, '–'],
  ])('%d is %s', (count, text) => expect(formatCount(count)).toBe(text));
});

describe('formatDuration', () => {
  it.each([
    [0, '0 s'],
    [0.085, '85.0 ms'],
    [4.2, '4.2 s'],
    [42.4, '42 s'],
    [59.6, '1 min'],
    [200, '3 min 20 s'],
    [3599.6, '1 h'],
    [7500, '2 h 5 min'],
    [200_000, '2 d 8 h'],
    [Number.NaN, '–'],
  ])('%d s is %s', (seconds, text) => expect(formatDuration(seconds)).toBe(text));
});

describe('other figures', () => {
  it('writes flops with their prefix', () => {
    expect(formatFlops(168.4e9)).toBe('168 GFLOP');
    expect(formatFlops(12)).toBe('12 FLOP');
  });

  it('tells an absent loss from a lost one', () => {
    expect(formatLoss(2.1304)).toBe('2.130');
    expect(formatLoss(undefined)).toBe('–');
    expect(formatLoss(null)).toBe('not a number');
    expect(formatLoss(Number.NaN)).toBe('not a number');
  });

  it('writes changes with a real minus, and none as such', () => {
    expect(formatChange(0.6)).toBe('−40 %');
    expect(formatChange(1.031)).toBe('+3 %');
    expect(formatChange(0.996)).toBe('−0.4 %');
    expect(formatChange(1.0004)).toBe('±0 %');
    expect(formatChange(Number.POSITIVE_INFINITY)).toBe('–');
    expect(signed(-0.0734, 3)).toBe('−0.073');
    expect(signed(0.0004, 3)).toBe('±0.000');
  });
});

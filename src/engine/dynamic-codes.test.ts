import { describe, expect, it } from 'vitest';
import { type DynamicCodes, nearestCode, signedCodes, unsignedCodes } from './dynamic-codes.js';

/** Worst and mean relative error of values spread evenly over one decade below the largest, in percent. */
function errorsIn(table: DynamicCodes, decade: number): { worst: number; mean: number } {
  const samples = 20_000;
  let worst = 0;
  let sum = 0;
  for (let i = 0; i < samples; i++) {
    const value = 10 ** (-decade - 1) * (1 + (9 * (i + 0.5)) / samples);
    const error = Math.abs(table.values[nearestCode(table, value)] - value) / value;
    worst = Math.max(worst, error);
    sum += error;
  }
  return { worst: 100 * worst, mean: (100 * sum) / samples };
}

describe('dynamic 8-bit codes', () => {
  it.each([
    ['signed', signedCodes, 127],
    ['unsigned', unsignedCodes, 0],
  ] as const)('%s: 256 values in ascending order, with 0 and 1 among them', (_, { values, zero }, zeroAt) => {
    expect(values).toHaveLength(256);
    for (let i = 1; i < 256; i++) expect(values[i]).toBeGreaterThan(values[i - 1]);
    expect(zero).toBe(zeroAt);
    expect(values[zero]).toBe(0);
    expect(values[255]).toBe(1);
  });

  it('find every code by its own value, and nothing by NaN', () => {
    for (const table of [signedCodes, unsignedCodes]) {
      for (const [code, value] of table.values.entries()) expect(nearestCode(table, value)).toBe(code);
      expect(nearestCode(table, Number.NaN)).toBe(table.zero);
      expect(nearestCode(table, 5)).toBe(255);
    }
  });

  it.each([
    ['signed', signedCodes, [6.2, 11.0, 18.0, 27.5]],
    ['unsigned', unsignedCodes, [3.3, 6.2, 11.0, 18.0]],
  ] as const)('%s: have the worst relative errors that the spacing gives, decade by decade', (_, table, worst) => {
    for (const [decade, percent] of worst.entries()) {
      expect(errorsIn(table, decade).worst).toBeGreaterThan(percent - 0.1);
      expect(errorsIn(table, decade).worst).toBeLessThan(percent + 0.1);
    }
  });
});

import { describe, expect, it } from 'vitest';
import type { RandomKey } from './contract/random.js';
import { deriveKey, permutation, randomDomains, seedKey, threefry, uniform } from './threefry.js';

const hex = (words: readonly number[]) => words.map((word) => word.toString(16).padStart(8, '0')).join(' ');

describe('threefry', () => {
  it.each([
    { counter: [0, 0], key: [0, 0], words: '6b200159 99ba4efe' },
    { counter: [0xffffffff, 0xffffffff], key: [0xffffffff, 0xffffffff], words: '1cb996fc bb002be7' },
    { counter: [0x243f6a88, 0x85a308d3], key: [0x13198a2e, 0x03707344], words: 'c4923a9c 483df7a0' },
  ])('gives the published words $words', ({ counter, key, words }) => {
    expect(hex(threefry([key[0], key[1]], counter[0], counter[1]))).toBe(words);
  });

  it('gives unsigned words that look independent and uniform', () => {
    let ones = 0;
    let agreeing = 0;
    const count = 4000;
    for (let i = 0; i < count; i++) {
      const [a, b] = threefry([1, 2], i, 0);
      expect(a >= 0 && a < 2 ** 32 && b >= 0 && b < 2 ** 32).toBe(true);
      for (let bit = 0; bit < 32; bit++) {
        ones += (a >>> bit) & 1;
        agreeing += ((a ^ b) >>> bit) & 1;
      }
    }
    const deviation = Math.sqrt(count * 32) / 2;
    expect(Math.abs(ones - count * 16)).toBeLessThan(5 * deviation);
    expect(Math.abs(agreeing - count * 16)).toBeLessThan(5 * deviation);
  });
});

describe('seedKey', () => {
  it('tells seeds beyond 32 bits apart', () => {
    expect(seedKey(5)).toEqual([5, 0]);
    expect(seedKey(2 ** 32 + 5)).toEqual([5, 1]);
    expect(seedKey(2 ** 53 - 1)).toEqual([0xffffffff, 0x1fffff]);
  });
});

describe('deriveKey', () => {
  it('is the composition that the documentation states', () => {
    const seed: RandomKey = [42, 0];
    expect(deriveKey(42, 'projection', 7, 3)).toEqual(threefry(threefry(seed, 1, 7), 3, 0));
  });

  it('gives other keys for other seeds, domains, groups and epochs', () => {
    const keys = new Set<string>();
    let count = 0;
    for (const seed of [0, 1, 2 ** 32, 2 ** 32 + 1, 2 ** 52]) {
      for (const domain of Object.keys(randomDomains) as (keyof typeof randomDomains)[]) {
        for (const group of [0, 1, 2, 1000]) {
          for (const epoch of [0, 1, 2]) {
            keys.add(hex(deriveKey(seed, domain, group, epoch)));
            count++;
          }
        }
      }
    }
    expect(keys.size).toBe(count);
  });
});

describe('uniform', () => {
  it('stays inside of (0, 1)', () => {
    expect(uniform(0)).toBe(2 ** -25);
    expect(uniform(0xffffffff)).toBe(1 - 2 ** -25);
    expect(uniform(0x80000000)).toBe(0.5 + 2 ** -25);
  });
});

describe('permutation', () => {
  it.each([0, 1, 2, 7, 1000])('contains each of %i numbers once', (length) => {
    const order = permutation([3, 4], length);
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length }, (_, index) => index));
  });

  it('is the same for the same key and another for another key', () => {
    expect(permutation([3, 4], 100)).toEqual(permutation([3, 4], 100));
    expect(permutation([3, 4], 100)).not.toEqual(permutation([3, 5], 100));
  });

  it('puts every number in every place about equally often', () => {
    const [length, rounds] = [6, 6000];
    const counts = new Float64Array(length * length);
    for (let round = 0; round < rounds; round++) {
      for (const [place, value] of permutation([round, 9], length).entries()) counts[place * length + value] += 1;
    }
    const expected = rounds / length;
    const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    // 25 degrees of freedom: mean 25, deviation 7; 60 is five deviations away.
    expect(chiSquare).toBeLessThan(60);
  });
});

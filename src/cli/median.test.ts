import { expect, it } from 'vitest';
import { medianAndSpread } from './median.js';

it('finds the middle and how far the middle half spreads', () => {
  expect(medianAndSpread([3, 1, 2])).toEqual({ median: 2, spread: 0.5 });
  expect(medianAndSpread([4, 1, 2, 3]).median).toBe(2.5);
  expect(medianAndSpread([7])).toEqual({ median: 7, spread: 0 });
});

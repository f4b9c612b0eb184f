import { describe, expect, it } from 'vitest';
import { convexHull, paretoFront, pricePerByte } from './frontier.js';

const points = [
  { bytes: 100, seconds: 0 },
  { bytes: 90, seconds: 5 },
  { bytes: 60, seconds: 6 },
  { bytes: 60, seconds: 7 },
  { bytes: 70, seconds: 8 },
  { bytes: 10, seconds: 20 },
];

describe('the front', () => {
  it('has what nothing else beats, from the fastest to the smallest', () => {
    expect(paretoFront(points.toReversed()).map(({ bytes }) => bytes)).toEqual([100, 90, 60, 10]);
    expect(paretoFront([])).toEqual([]);
  });

  it('has a convex hull with rising prices', () => {
    const hull = convexHull(paretoFront(points));
    expect(hull.map(({ bytes }) => bytes)).toEqual([100, 60, 10]);
    expect(pricePerByte(hull[0], hull[1])).toBeLessThan(pricePerByte(hull[1], hull[2]));
  });
});

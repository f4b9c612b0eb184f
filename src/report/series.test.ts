import { describe, expect, it } from 'vitest';
import { type Point, thin, trailingMeans, trainingCurve, validationPoints } from './series.js';
import { exampleSingleRun } from './testing/example.js';

describe('series', () => {
  it('averages over the steps before, as far as there are any', () => {
    expect(trailingMeans([4, 2, 6, 1], 2)).toEqual([4, 3, 4, 3.5]);
    expect(trailingMeans([4, null, Number.NaN, Number.NaN, 8], 2)).toEqual([4, 4, Number.NaN, Number.NaN, 8]);
  });

  it('thins long lines and keeps their ends', () => {
    const points = Array.from({ length: 10_000 }, (_, index): Point => [index, -index]);
    const few = thin(points);
    expect(few.length).toBeLessThanOrEqual(240);
    expect([few[0], few.at(-1)]).toEqual([points[0], points[9999]]);
  });

  it('adds up the time of the steps, from where the recording begins', () => {
    const run = {
      ...exampleSingleRun(),
      firstStep: 11,
      losses: [3, 2, 1],
      stepSeconds: [1, 2, 4],
      validation: [{ step: 12, loss: 2 }],
    };
    expect(trainingCurve(run, 'seconds')).toEqual([
      [1, 3],
      [3, 2],
      [7, 1],
    ]);
    expect(trainingCurve(run, 'step')[0]).toEqual([11, 3]);
    expect(validationPoints(run, 'seconds')).toEqual([[3, 2]]);
  });

  it('assumes an even pace where steps were not timed', () => {
    const { stepSeconds: _, ...run } = { ...exampleSingleRun(), steps: 2, seconds: 10, losses: [3, 2] };
    expect(trainingCurve(run, 'seconds')).toEqual([
      [5, 3],
      [10, 2],
    ]);
  });
});

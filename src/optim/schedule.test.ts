import { describe, expect, it } from 'vitest';
import { learningRateAt, type Schedule, scheduleNames } from './schedule.js';

const base: Schedule = { name: 'cosine', learningRate: 0.01, steps: 100, warmup: 10, minRatio: 0.1 };

const rates = (schedule: Schedule) => Array.from({ length: schedule.steps }, (_, t) => learningRateAt(schedule, t));

describe('warm-up', () => {
  it.each(scheduleNames)('rises linearly, lr·(t+1)/warmup, to the peak: %s', (name) => {
    const all = rates({ ...base, name });
    for (let t = 0; t < 10; t++) expect(all[t]).toBe((0.01 * (t + 1)) / 10);
    expect(all[9]).toBe(0.01);
    expect(all[10]).toBe(0.01);
  });

  it.each(scheduleNames)('may be left out: the first step has the peak: %s', (name) => {
    expect(learningRateAt({ ...base, name, warmup: 0 }, 0)).toBe(0.01);
  });

  it.each(scheduleNames)('may be longer than the run: %s', (name) => {
    const all = rates({ ...base, name, steps: 5, warmup: 10 });
    expect(all).toEqual([1, 2, 3, 4, 5].map((t) => (0.01 * t) / 10));
  });

  it.each(scheduleNames)('may be as long as the run: %s', (name) => {
    expect(learningRateAt({ ...base, name, steps: 10 }, 9)).toBe(0.01);
  });
});

describe('after warm-up', () => {
  it.each(['cosine', 'linear'] as const)('%s falls to the minimum exactly at the last step', (name) => {
    for (const [steps, warmup] of [
      [100, 10],
      [2, 0],
      [3, 1],
      [12, 0],
      [101, 7],
    ]) {
      const all = rates({ ...base, name, steps, warmup });
      expect(all[steps - 1]).toBeCloseTo(0.001, 15);
      for (let t = warmup + 1; t < steps; t++) expect(all[t]).toBeLessThan(all[t - 1]);
    }
  });

  it('cosine is lr·(r + (1−r)·½(1+cos πp)) with p = (t−warmup)/(N−1−warmup)', () => {
    expect(learningRateAt(base, 10 + 89 / 2)).toBeCloseTo(0.0055, 15);
    expect(learningRateAt(base, 40)).toBeCloseTo(0.01 * (0.1 + 0.45 * (1 + Math.cos((Math.PI * 30) / 89))), 15);
  });

  it('linear is lr·(r + (1−r)·(1−p))', () => {
    expect(learningRateAt({ ...base, name: 'linear' }, 40)).toBeCloseTo(0.01 * (0.1 + 0.9 * (1 - 30 / 89)), 15);
  });

  it('constant stays', () => {
    expect(new Set(rates({ ...base, name: 'constant' }).slice(9))).toEqual(new Set([0.01]));
  });

  it('may fall to nothing, or not at all', () => {
    expect(learningRateAt({ ...base, minRatio: 0 }, 99)).toBeCloseTo(0, 15);
    expect(new Set(rates({ ...base, minRatio: 1, warmup: 0 }))).toEqual(new Set([0.01]));
  });

  it('goes on at the minimum beyond the last step', () => {
    expect(learningRateAt(base, 1000)).toBeCloseTo(0.001, 15);
  });
});

it('a run of a single step is its own last step', () => {
  expect(learningRateAt({ ...base, steps: 1, warmup: 0 }, 0)).toBeCloseTo(0.001, 15);
  expect(learningRateAt({ ...base, steps: 1, warmup: 0, name: 'constant' }, 0)).toBe(0.01);
  expect(learningRateAt({ ...base, steps: 1, warmup: 1 }, 0)).toBe(0.01);
});

import { describe, expect, it } from 'vitest';
import { ScoreBoard } from './score-board.js';

const score = (step: number, value: number) => ({
  step,
  loss: 1 / (1 + value),
  metrics: { accuracy: value, mse: value },
});

describe('the best evaluation', () => {
  it('is the largest, the first of equal ones, and its age is counted', () => {
    const board = new ScoreBoard('accuracy', false);
    expect([0.5, 0.7, 0.7, 0.6].map((value, step) => board.add(score(step, value)))).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect(board.best?.step).toBe(1);
    expect(board.sinceBest).toBe(2);
  });

  it('or the smallest', () => {
    const board = new ScoreBoard('mse', true);
    expect([0.5, 0.7, 0.4].map((value, step) => board.add(score(step, value)))).toEqual([true, false, true]);
  });

  it('goes on from earlier sessions', () => {
    const first = new ScoreBoard('accuracy', false);
    for (const [step, value] of [0.5, 0.7, 0.6].entries()) first.add(score(step, value));
    const second = new ScoreBoard('accuracy', false, first.scores);
    expect([second.best, second.sinceBest]).toEqual([first.best, 1]);
    expect(second.add(score(3, 0.7))).toBe(false);
  });

  it('needs the metric it is chosen by', () => {
    expect(() => new ScoreBoard('f1', false).add(score(1, 2))).toThrow('no metric "f1"');
  });
});

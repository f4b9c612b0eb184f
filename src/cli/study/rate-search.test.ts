import { describe, expect, it } from 'vitest';
import { nextTrial, type TrialOutcome } from './rate-search.js';

/** Everything that is asked for when a rate's loss is `lossOf`. */
function all(rates: readonly number[], seeds: readonly number[], lossOf: (lr: number) => number | undefined) {
  const done: TrialOutcome[] = [];
  for (let trial = nextTrial(rates, seeds, done); trial; trial = nextTrial(rates, seeds, done)) {
    done.push({ ...trial, loss: lossOf(trial.lr) });
    if (done.length > 20) throw new Error('asks without end');
  }
  return done.map(({ lr, seed }) => `${Number(lr.toPrecision(6))}/${seed}`);
}

describe('the search for a learning rate', () => {
  it('takes the best with all seeds', () => {
    expect(all([1, 2, 4], [0, 1, 2], (lr) => Math.abs(lr - 2))).toEqual(['1/0', '2/0', '4/0', '2/1', '2/2']);
  });

  it.each([
    ['above', 20, ['1/0', '2/0', '4/0', '8/0', '8/7']],
    ['below', 0, ['1/0', '2/0', '4/0', '0.5/0', '0.5/7']],
    ['above, but no better there', 5, ['1/0', '2/0', '4/0', '8/0', '4/7']],
  ])('goes %s the grid once where the best lies at its end', (_, best, asked) => {
    expect(all([1, 2, 4], [0, 7], (lr) => Math.abs(lr - best))).toEqual(asked);
  });

  it('has nowhere to go from a grid of one', () => {
    expect(all([3], [0, 1], () => 1)).toEqual(['3/0', '3/1']);
  });

  it('passes over rates that diverge, and gives up where all do', () => {
    expect(all([1, 2], [0, 1], (lr) => (lr < 2 ? lr : undefined))).toEqual(['1/0', '2/0', '0.5/0', '0.5/1']);
    expect(all([1, 2], [0, 1], () => undefined)).toEqual(['1/0', '2/0']);
  });

  it('leaves out what is done, whatever the rounding of its rate', () => {
    const done = [
      { lr: 0.1 * 3, seed: 0, loss: 1 },
      { lr: 0.6, seed: 0, loss: 2 },
    ];
    expect(nextTrial([0.3, 0.6], [0], done)).toEqual({ lr: 0.15, seed: 0 });
  });
});

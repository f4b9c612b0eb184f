import { describe, expect, it } from 'vitest';
import { TokensInMemory } from './token-source.js';
import { splitWindows, Windows } from './windows.js';

const tokens = (length: number) => new TokensInMemory(Int32Array.from({ length }, (_, i) => i));
const base = { sequenceLength: 4, batchSize: 3 };
/** First input of each row says which window it is. */
const rows = (batch: { inputs: Int32Array }) => [...batch.inputs].filter((_, i) => i % 4 === 0).map((id) => id / 4);

describe('windows', () => {
  it('have T + 1 tokens at stride T, and the last partial one is dropped', () => {
    expect(new Windows(tokens(12), base).count).toBe(2);
    expect(new Windows(tokens(13), base).count).toBe(3);
    const { inputs, targets, batch, sequenceLength } = new Windows(tokens(13), { ...base, order: 'sequential' }).batch(
      0,
    );
    expect([batch, sequenceLength]).toEqual([3, 4]);
    expect([...inputs]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect([...targets]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  });

  it('need at least one, and say how many tokens there are', () => {
    expect(() => new Windows(tokens(4), base)).toThrow(/the data holds 4 tokens, one window of length 4 needs 5/);
    expect(new Windows(tokens(5), base).count).toBe(1);
  });

  it('in sequence go round at the end', () => {
    const windows = new Windows(tokens(21), { ...base, order: 'sequential' });
    expect([0, 1, 2, 3].map((index) => rows(windows.batch(index)))).toEqual([
      [0, 1, 2],
      [3, 4, 0],
      [1, 2, 3],
      [4, 0, 1],
    ]);
  });

  it('shuffled come once in each epoch, each time in another order', () => {
    const windows = new Windows(tokens(41), { ...base, seed: 5 });
    const stream = Array.from({ length: 10 }, (_, index) => rows(windows.batch(index))).flat();
    const epochs = [stream.slice(0, 10), stream.slice(10, 20), stream.slice(20, 30)];
    const sorted = Array.from({ length: 10 }, (_, i) => i);
    for (const epoch of epochs) expect([...epoch].sort((a, b) => a - b)).toEqual(sorted);
    expect(epochs[0]).not.toEqual(epochs[1]);
    expect(epochs[0]).not.toEqual(sorted);
  });

  it('are a pure function of seed and index', () => {
    const options = { ...base, seed: 7 };
    const forward = new Windows(tokens(101), options);
    const inTurn = Array.from({ length: 30 }, (_, index) => forward.batch(index));
    const jumping = new Windows(tokens(101), options);
    for (const index of [29, 0, 8, 9, 8, 17]) expect(jumping.batch(index)).toEqual(inTurn[index]);
    expect(new Windows(tokens(101), { ...base, seed: 8 }).batch(0)).not.toEqual(inTurn[0]);
  });

  it('may be fewer than a batch', () => {
    const windows = new Windows(tokens(9), { ...base, order: 'sequential' });
    expect(rows(windows.batch(0))).toEqual([0, 1, 0]);
  });

  it('in order come once, the last batch smaller', () => {
    const windows = new Windows(tokens(21), base);
    expect([...windows.inOrder()].map(rows)).toEqual([
      [0, 1, 2],
      [3, 4],
    ]);
    expect([...windows.inOrder(4, 2)].map(rows)).toEqual([
      [0, 1],
      [2, 3],
    ]);
    expect(() => windows.gather([5])).toThrow(RangeError);
  });
});

describe('held-out windows', () => {
  it('are the last ones, and none is in both parts', () => {
    const { train, validation } = splitWindows(tokens(41), base, 0.2);
    expect([train.count, validation.count]).toEqual([8, 2]);
    expect([...validation.inOrder()].map(rows)).toEqual([[8, 9]]);
    const seen = new Set(Array.from({ length: 20 }, (_, index) => rows(train.batch(index))).flat());
    expect([...seen].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(train.fingerprint).not.toBe(validation.fingerprint);
  });

  it('leave at least one window on either side', () => {
    const counts = (fraction: number) => {
      const { train, validation } = splitWindows(tokens(13), base, fraction);
      return [train.count, validation.count];
    };
    expect([counts(0.001), counts(0.999)]).toEqual([
      [2, 1],
      [1, 2],
    ]);
    expect(() => splitWindows(tokens(5), base, 0.5)).toThrow(/one window of 4 tokens, too few to hold some out/);
    expect(() => splitWindows(tokens(50), base, 1.5)).toThrow(/a validation fraction of 1.5 is not between 0 and 1/);
  });
});

it('the fingerprint names tokens, length and range, not the order', () => {
  const one = new Windows(tokens(41), { ...base, seed: 1 }).fingerprint;
  expect(new Windows(tokens(41), { ...base, seed: 2, order: 'sequential', batchSize: 1 }).fingerprint).toBe(one);
  expect(new Windows(tokens(41), { ...base, sequenceLength: 5 }).fingerprint).not.toBe(one);
});

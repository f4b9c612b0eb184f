import { describe, expect, it } from 'vitest';
import { collateExamples, type Example, type LabelledBatch } from './collate.js';
import { batchesByLength, LengthBatches, largestBatch } from './length-batches.js';

const rows = { padId: 9, maxLength: 23 };
const shape = { batchSize: 4, collate: collateExamples('classification', rows) };

/** The first id of each example is its number. */
function examples(count: number): Example[] {
  return Array.from({ length: count }, (_, number) => {
    const length = 1 + ((number * 7) % 23);
    return {
      ids: new Int32Array(length).fill(number),
      typeIds: new Int32Array(length).fill(number % 2),
      label: number % 3,
    };
  });
}

function epoch(batches: LengthBatches<Example, LabelledBatch>, number: number) {
  return Array.from({ length: batches.batchesPerEpoch }, (_, i) => batches.batch(number * batches.batchesPerEpoch + i));
}

const rowsOf = (list: ReturnType<typeof epoch>) =>
  list.flatMap(({ inputs, batch, sequenceLength }) =>
    Array.from({ length: batch }, (_, row) => inputs[row * sequenceLength]),
  );

describe('batches of similar lengths', () => {
  const all = examples(301);
  const batches = new LengthBatches(all, { ...shape, seed: 3 });

  it('an epoch holds each example once, in another order than the next', () => {
    const numbers = all.map((_, number) => number);
    const first = rowsOf(epoch(batches, 0));
    const second = rowsOf(epoch(batches, 1));
    expect([...first].sort((a, b) => a - b)).toEqual(numbers);
    expect([...second].sort((a, b) => a - b)).toEqual(numbers);
    expect(second).not.toEqual(first);
    expect(batches.batchesPerEpoch).toBe(76);
  });

  it('a batch is a function of its index and the seed alone', () => {
    const again = new LengthBatches(all, { ...shape, seed: 3 });
    for (const index of [150, 3, 76, 75, 0]) expect(again.batch(index)).toEqual(batches.batch(index));
    expect(new LengthBatches(all, { ...shape, seed: 4 }).batch(0)).not.toEqual(batches.batch(0));
  });

  it('needs less than half of the padding of unsorted batches', () => {
    const paddingOf = (list: readonly { lengths: Int32Array; batch: number; sequenceLength: number }[]) =>
      list.reduce((sum, { lengths, batch, sequenceLength }) => {
        return sum + batch * sequenceLength - lengths.reduce((tokens, length) => tokens + length, 0);
      }, 0);
    const unsorted = Array.from({ length: 76 }, (_, i) => {
      const rows = all.slice(4 * i, 4 * i + 4);
      const lengths = Int32Array.from(rows, ({ ids }) => ids.length);
      return { lengths, batch: rows.length, sequenceLength: Math.max(...lengths) };
    });
    expect(paddingOf(epoch(batches, 0))).toBeLessThan(paddingOf(unsorted) / 2);
  });

  it('pads behind each row, and keeps segments and labels with it', () => {
    for (const { inputs, tokenTypes, lengths, targets, batch, sequenceLength } of epoch(batches, 0)) {
      for (let row = 0; row < batch; row++) {
        const ids = inputs.subarray(row * sequenceLength, (row + 1) * sequenceLength);
        const number = ids[0];
        expect(ids.subarray(0, lengths[row])).toEqual(all[number].ids);
        expect(ids.subarray(lengths[row]).every((id) => id === 9)).toBe(true);
        expect(tokenTypes[row * sequenceLength]).toBe(number % 2);
        expect(targets[row]).toBe(number % 3);
      }
    }
  });
});

describe('all examples once, for evaluation', () => {
  it('says where each row belongs', () => {
    const all = examples(30);
    const seen = [...batchesByLength(all, { ...shape, collate: collateExamples('regression', rows) })].flatMap(
      ({ batch, places }) => {
        expect(batch.targets).toBeInstanceOf(Float32Array);
        for (const [row, place] of places.entries()) expect(batch.inputs[row * batch.sequenceLength]).toBe(place);
        return places;
      },
    );
    expect([...seen].sort((a, b) => a - b)).toEqual(all.map((_, number) => number));
  });
});

it('the largest batch is the longest row as often as a batch has rows', () => {
  const { sequenceLength, batch, lengths } = largestBatch(examples(30), shape);
  expect([batch, sequenceLength, ...lengths]).toEqual([4, 23, 23, 23, 23, 23]);
  expect(largestBatch(examples(3), shape)).toMatchObject({ batch: 3, sequenceLength: 16 });
});

import { describe, expect, it } from 'vitest';
import { InputError } from '../engine/index.js';
import type { HostBatch } from '../plan/index.js';
import { meanLoss } from './evaluate.js';

/** A batch of so many predicted tokens, named by its first input. */
function batchOf(name: number, tokens: number): HostBatch {
  return { inputs: Int32Array.of(name), targets: new Int32Array(tokens), batch: 1, sequenceLength: tokens };
}

/** The name stands for the mean loss of the batch's tokens. */
const sumOf = async ({ inputs, targets }: HostBatch) => ({ loss: inputs[0] * targets.length, tokens: targets.length });

describe('the mean loss', () => {
  it('weighs every predicted token alike, not every batch', async () => {
    const { loss, perplexity, tokens } = await meanLoss([batchOf(2, 1), batchOf(4, 9)], sumOf);
    expect(loss).toBeCloseTo(3.8, 14);
    expect(perplexity).toBeCloseTo(Math.exp(3.8), 12);
    expect(tokens).toBe(10);
  });

  it('of one batch is its own: nothing is added to the number of batches', async () => {
    expect((await meanLoss([batchOf(3, 7)], sumOf)).loss).toBe(3);
  });

  it('reads batches as they come', async () => {
    async function* batches() {
      yield batchOf(1, 2);
      yield batchOf(3, 2);
    }
    expect((await meanLoss(batches(), sumOf)).loss).toBe(2);
  });

  it('of nothing is refused', async () => {
    await expect(meanLoss([], sumOf)).rejects.toThrow(InputError);
    await expect(meanLoss([batchOf(1, 0)], sumOf)).rejects.toThrow('no predicted token');
  });
});

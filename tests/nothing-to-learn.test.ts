import { describe, expect, it } from 'vitest';
import { InputError } from '../src/engine/index.js';
import { Trainer, type TrainingData } from '../src/train/index.js';
import { tinyBatch } from './support/tiny.js';
import { engineHere, tinySettings, weightsOf } from './support/training.js';

/** Batches of which those with these numbers have no label. */
function maskedData(masked: readonly number[]): TrainingData {
  const { config, batch, sequenceLength } = tinySettings();
  const whole = tinyBatch(config, batch, sequenceLength);
  const none = { ...whole, targets: whole.targets.map(() => -100) };
  return { fingerprint: 'masked', batch: (index) => (masked.includes(index) ? none : whole), largest: none };
}

describe('a step without a label', () => {
  it('is refused by its number before it changes anything', async () => {
    const settings = tinySettings({ steps: 3 });
    await using trainer = await Trainer.open({ settings, data: maskedData([1]), engine: engineHere, threads: 1 });
    await trainer.advance();
    const before = await weightsOf(trainer);
    const step = trainer.advance();
    await expect(step).rejects.toBeInstanceOf(InputError);
    await expect(step).rejects.toThrow('step 2 has nothing to learn from');
    expect(await weightsOf(trainer)).toEqual(before);
    expect(trainer.step).toBe(1);
  });

  it('is none where one of its micro-batches has labels', async () => {
    const settings = tinySettings({ steps: 1, accumulate: 2 });
    await using trainer = await Trainer.open({ settings, data: maskedData([0]), engine: engineHere, threads: 1 });
    expect((await trainer.advance()).loss).toBeGreaterThan(0);
  });
});

import { describe, expect, it } from 'vitest';
import {
  MaskedWindows,
  type MaskingRecipe,
  maskingRecipe,
  predictedPerSequence,
  textLength,
} from './masked-windows.js';
import { TokensInMemory } from './token-source.js';
import { ByteTokenizer } from './tokenizer/byte-tokenizer.js';
import { trainTokenizer } from './train-tokenizer.js';
import { Windows } from './windows.js';

const recipe: MaskingRecipe = {
  maskId: 4,
  padId: 1,
  specialIds: new Set([0, 1, 2, 3, 4]),
  before: [0],
  after: [2],
  vocabSize: 1000,
};

/** Ordinary tokens, every 50th of them the end of a document. */
const ids = Int32Array.from({ length: 20_000 }, (_, i) => (i % 50 === 49 ? 2 : 5 + ((i * 7919) % 995)));
const source = new TokensInMemory(ids);
const length = 102;

function masked(seed = 1, order: 'shuffled' | 'sequential' = 'sequential') {
  const windows = new Windows(source, { sequenceLength: textLength(recipe, length), batchSize: 4, order, seed });
  return { windows, masks: new MaskedWindows(windows, recipe, seed) };
}

describe('masked windows', () => {
  it('have the special tokens around the text, and 15 % of a row predicted', () => {
    const { windows, masks } = masked();
    const { inputs, predicted, targets, batch, sequenceLength } = masks.batch(3);
    expect({ batch, sequenceLength }).toEqual({ batch: 4, sequenceLength: length });
    expect(predicted).toHaveLength(4 * predictedPerSequence(length));
    expect(predictedPerSequence(length)).toBe(15);
    const text = windows.batch(3).inputs;
    const restored = inputs.slice();
    for (const [i, token] of predicted.entries()) restored[token] = targets[i];
    for (let row = 0; row < 4; row++) {
      expect(inputs[row * length]).toBe(0);
      expect(inputs[(row + 1) * length - 1]).toBe(2);
      const within = restored.subarray(row * length + 1, (row + 1) * length - 1);
      expect(within, 'what is predicted is the text').toEqual(text.subarray(row * 100, (row + 1) * 100));
      const ofRow = predicted.subarray(row * 15, (row + 1) * 15);
      expect(new Set(ofRow).size, 'no token twice').toBe(15);
      expect(ofRow.every((token) => Math.floor(token / length) === row)).toBe(true);
    }
    expect(targets.every((target) => !recipe.specialIds.has(target))).toBe(true);
  });

  it('become the mask in 80 % of the places, another token in 10 %, and stay in 10 %', () => {
    const { masks } = masked();
    const counts = { mask: 0, other: 0, same: 0 };
    for (let index = 0; index < 200; index++) {
      const { inputs, predicted, targets } = masks.batch(index);
      for (const [i, token] of predicted.entries()) {
        if (inputs[token] === recipe.maskId) counts.mask += 1;
        else if (inputs[token] === targets[i]) counts.same += 1;
        else counts.other += 1;
        if (inputs[token] !== recipe.maskId) expect(recipe.specialIds.has(inputs[token])).toBe(false);
      }
    }
    const all = 200 * 4 * 15;
    // Four standard deviations of a share of 12,000 places.
    expect(Math.abs(counts.mask / all - 0.8)).toBeLessThan(0.015);
    expect(Math.abs(counts.other / all - 0.1)).toBeLessThan(0.011);
    expect(Math.abs(counts.same / all - 0.1)).toBeLessThan(0.011);
  });

  it('are a function of seed and index: other places in each epoch, the same after a stop', () => {
    const { windows, masks } = masked();
    expect(masks.batch(7)).toEqual(masked().masks.batch(7));
    expect(masks.batch(7)).not.toEqual(masked(2).masks.batch(7));
    const epoch = windows.count;
    expect(windows.batch(7)).toEqual(windows.batch(7 + epoch));
    expect(masks.batch(7).predicted).not.toEqual(masks.batch(7 + epoch).predicted);
  });

  it('are the same in every evaluation, whatever was trained on', () => {
    const first = [...masked(1, 'shuffled').masks.inOrder(10)];
    expect(first).toEqual([...masked(1, 'sequential').masks.inOrder(10)]);
    expect(first.map(({ batch }) => batch)).toEqual([4, 4, 2]);
  });

  it('predict fewer tokens where a row has no more, in a batch of the same shape', () => {
    const mostlySpecial = new TokensInMemory(Int32Array.from({ length: 41 }, (_, i) => (i === 20 ? 7 : 2)));
    const windows = new Windows(mostlySpecial, { sequenceLength: 40, batchSize: 1 });
    const { targets, predicted } = new MaskedWindows(windows, recipe, 1).batch(0);
    expect(predicted).toHaveLength(predictedPerSequence(42));
    expect([...targets].filter((target) => target !== -100)).toEqual([7]);
  });
});

describe('a tokenizer for encoders', () => {
  const text = ['the cat sat on the mat, the cat ran', 'a dog and a cat'];

  it('has RoBERTa’s special tokens and template', async () => {
    const tokenizer = await trainTokenizer(text, { vocabSize: 266, kind: 'roberta' });
    expect(tokenizer).toMatchObject({ vocabSize: 266, bosId: undefined, eosId: 2 });
    const { before, after, maskId, padId } = maskingRecipe(tokenizer);
    expect({ before, after, maskId, padId }).toEqual({ before: [0], after: [2], maskId: 4, padId: 1 });
    expect(tokenizer.decode(tokenizer.encode(text[0]))).toBe(text[0]);
    await expect(trainTokenizer(text, { vocabSize: 260, kind: 'roberta' })).rejects.toThrow('are 261');
  });

  it('is refused where it has no mask', () => {
    expect(() => maskingRecipe(new ByteTokenizer())).toThrow('the tokenizer has no mask');
    expect(() => textLength(recipe, 2)).toThrow('no room for text');
  });
});

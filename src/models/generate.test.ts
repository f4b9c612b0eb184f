import { describe, expect, it } from 'vitest';
import { nextLogits } from '../../tests/support/next-logits.js';
import { type Engine, InputError } from '../engine/index.js';
import { createReferenceEngine } from '../engine/reference/reference-engine.js';
import { type GenerationOptions, generate, sample } from './generate.js';
import { KeyValueCache } from './key-value-cache.js';
import { Llama } from './llama.js';
import type { LlamaConfig } from './llama-config.js';
import { presets } from './presets.js';

const config: LlamaConfig = {
  ...presets['llama-260k'],
  vocabSize: 31,
  hiddenSize: 16,
  intermediateSize: 22,
  numHiddenLayers: 2,
  numAttentionHeads: 4,
  numKeyValueHeads: 2,
  maxPositionEmbeddings: 12,
  initializerRange: 0.5,
};
const prompt = [3, 1, 4];
const greedy: GenerationOptions = { maxTokens: 8, temperature: 0, topP: 1, seed: 0 };

async function withModel<T>(body: (engine: Engine, model: Llama) => Promise<T>): Promise<T> {
  using engine = createReferenceEngine();
  using model = new Llama(engine, config, config.maxPositionEmbeddings);
  model.initialize(5);
  const before = engine.ledger.live;
  const result = await body(engine, model);
  expect(engine.ledger.live, 'bytes left over').toBe(before);
  return result;
}

function continueFrom(ids: readonly number[], options: Partial<GenerationOptions> = {}): Promise<number[]> {
  return withModel(async (engine, model) => {
    const drawn: number[] = [];
    for await (const id of generate(engine, model, ids, { ...greedy, ...options })) drawn.push(id);
    return drawn;
  });
}

describe('generation with cached keys and values', () => {
  it('has the logits of recomputing the whole prefix each time', () =>
    withModel(async (engine, model) => {
      const ids = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8];
      // Token by token, in pieces, all at once: the same numbers but for the order of sums, hence some float64 roundings.
      for (const pieces of [ids.map((id) => [id]), [ids.slice(0, 5), ids.slice(5, 6), ids.slice(6)], [ids]]) {
        using cache = new KeyValueCache(engine, config, ids.length);
        let done = 0;
        for (const piece of pieces) {
          const cached = await nextLogits(engine, model, cache, piece);
          done += piece.length;
          expect(cache.length).toBe(done);
          using fresh = new KeyValueCache(engine, config, done);
          const whole = await nextLogits(engine, model, fresh, ids.slice(0, done));
          for (const [i, logit] of whole.entries()) expect(Math.abs(cached[i] - logit)).toBeLessThan(1e-12);
        }
      }
    }));

  it('takes greedily the likeliest token of the whole prefix', async () => {
    const drawn = await continueFrom(prompt);
    const expected = await withModel(async (engine, model) => {
      const ids = [...prompt];
      for (let i = 0; i < 8; i++) {
        using cache = new KeyValueCache(engine, config, ids.length);
        const logits = await nextLogits(engine, model, cache, ids);
        ids.push(logits.indexOf(Math.max(...logits)));
      }
      return ids.slice(prompt.length);
    });
    expect(drawn).toEqual(expected);
    expect(new Set(drawn).size, 'a model that always says the same shows nothing').toBeGreaterThan(2);
  });

  it('refuses more tokens than the cache has room for', async () => {
    using engine = createReferenceEngine();
    using model = new Llama(engine, config, config.maxPositionEmbeddings);
    model.initialize(5);
    using cache = new KeyValueCache(engine, config, 2);
    await nextLogits(engine, model, cache, [1, 2]);
    await expect(nextLogits(engine, model, cache, [3])).rejects.toThrow('the context of 2 tokens is full');
  });
});

describe('generation ends', () => {
  it('after the tokens that were asked for', async () => {
    expect(await continueFrom(prompt, { maxTokens: 2 })).toHaveLength(2);
    expect(await continueFrom(prompt, { maxTokens: 0 })).toHaveLength(0);
  });

  it('at the end of the context, and does not begin beyond it', async () => {
    expect(await continueFrom(prompt, { maxTokens: 100 })).toHaveLength(12 - 3);
    expect(await continueFrom(Array<number>(12).fill(1))).toEqual([]);
    await expect(continueFrom(Array<number>(13).fill(1))).rejects.toThrow(
      "the prompt has 13 tokens, the model's context 12",
    );
  });

  it('at the last position that the model was opened for', async () => {
    using engine = createReferenceEngine();
    using model = new Llama(engine, config, 6);
    model.initialize(5);
    let count = 0;
    for await (const _ of generate(engine, model, prompt, greedy)) count += 1;
    expect(count).toBe(6 - 3);
  });

  it('before an end-of-text token, which is not given out', async () => {
    const all = await continueFrom(prompt);
    const endOfText = all[3];
    expect(await continueFrom(prompt, { endOfText })).toEqual(all.slice(0, all.indexOf(endOfText)));
  });

  it('when the reader stops, and frees its memory', () =>
    withModel(async (engine, model) => {
      for await (const _ of generate(engine, model, prompt, greedy)) break;
    }));

  it('before it began, for an empty prompt', async () => {
    await expect(continueFrom([])).rejects.toThrow(InputError);
    await expect(continueFrom([])).rejects.toThrow('the prompt is empty');
  });

  it.each([31, -1, Number.NaN])('before it began, for a prompt with the id %d', async (id) => {
    await expect(continueFrom([1, id])).rejects.toThrow(InputError);
    await expect(continueFrom([1, id])).rejects.toThrow(`token id ${id}, the model's vocabulary ends at 30`);
  });
});

describe('sampling', () => {
  /** Probabilities 0.5, 0.3, 0.15, 0.05, not in order. */
  const logits = Float64Array.from([0.15, 0.5, 0.05, 0.3], Math.log);

  /** How often each token comes for random numbers spread evenly over (0, 1). */
  function shares(temperature: number, topP: number): number[] {
    const draws = 2000;
    const counts = Array<number>(4).fill(0);
    for (let i = 0; i < draws; i++) counts[sample(logits, temperature, topP, (i + 0.5) / draws)] += 1 / draws;
    return counts;
  }

  /** Evenly spread numbers hit an interval's length to one draw at each end. */
  function expectShares(found: readonly number[], expected: readonly number[]) {
    for (const [i, share] of expected.entries()) expect(Math.abs(found[i] - share)).toBeLessThan(1 / 1000);
  }

  it('follows the probabilities', () => expectShares(shares(1, 1), [0.15, 0.5, 0.05, 0.3]));

  it('at temperature τ follows their powers 1/τ', () => {
    const powers = [0.15, 0.5, 0.05, 0.3].map((p) => p ** 2);
    const total = powers.reduce((a, b) => a + b);
    expectShares(
      shares(0.5, 1),
      powers.map((p) => p / total),
    );
  });

  it('keeps to the nucleus: the likeliest tokens that reach the sum, among themselves as before', () => {
    expectShares(shares(1, 0.4), [0, 1, 0, 0]);
    expectShares(shares(1, 0.7), [0, 0.5 / 0.8, 0, 0.3 / 0.8]);
    expectShares(shares(1, 0.9), [0.15 / 0.95, 0.5 / 0.95, 0, 0.3 / 0.95]);
    expectShares(shares(1, 0.96), [0.15, 0.5, 0.05, 0.3]);
    expectShares(shares(1, 0), [0, 1, 0, 0]);
  });

  it('at temperature 0 takes the first of the likeliest', () => {
    expect(sample(Float64Array.of(1, 3, 3, 2), 0, 1, 0.99)).toBe(1);
  });

  it('bears logits that exp alone would not', () => {
    expect(sample(Float64Array.of(1000, -1000, 1000), 1, 1, 0.75)).toBe(2);
    expect(sample(Float64Array.of(1e4, 0), 1e-6, 0.5, 0.5)).toBe(0);
  });

  it('is the same for the same seed, and another for another', async () => {
    const options = { temperature: 1.5, topP: 0.95 };
    const first = await continueFrom(prompt, { ...options, seed: 1 });
    expect(await continueFrom(prompt, { ...options, seed: 1 })).toEqual(first);
    const others = await Promise.all([2, 3, 4].map((seed) => continueFrom(prompt, { ...options, seed })));
    expect(new Set([first, ...others].map(String)).size).toBe(4);
  });
});

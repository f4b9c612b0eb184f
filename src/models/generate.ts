import { deriveKey, type Engine, InputError, threefry, uniform } from '../engine/index.js';
import { Tape } from '../tape/index.js';
import type { CausalModel } from './causal-model.js';
import { KeyValueCache } from './key-value-cache.js';

export interface GenerationOptions {
  /** Tokens to add at most; generation also ends at the model's context length and at an end-of-text token. */
  readonly maxTokens: number;
  /** 0: always the likeliest token. */
  readonly temperature: number;
  /** Nucleus sampling: only the likeliest tokens whose probabilities reach this sum. 1: all. */
  readonly topP: number;
  readonly seed: number;
  readonly endOfText?: number;
}

/**
 * Continues a sequence of token ids, yielding each new id as it is drawn.
 *
 * @param prompt at least one id
 * @throws InputError if the prompt is empty, longer than the context, or holds an id beyond the vocabulary
 */
export async function* generate(
  engine: Engine,
  model: CausalModel,
  prompt: readonly number[],
  options: GenerationOptions,
): AsyncGenerator<number, void, void> {
  const { vocabSize, maxPositionEmbeddings } = model.config;
  const context = Math.min(maxPositionEmbeddings, model.positions);
  if (prompt.length === 0)
    throw new InputError('the prompt is empty', 'give at least one token, for example --prompt "Once"');
  if (prompt.length > context) {
    throw new InputError(`the prompt has ${prompt.length} tokens, the model's context ${context}`);
  }
  const beyond = prompt.find((id) => !(id >= 0 && id < vocabSize));
  if (beyond !== undefined) {
    throw new InputError(
      `the prompt has token id ${beyond}, the model's vocabulary ends at ${vocabSize - 1}`,
      'use the tokenizer that the model was trained with',
    );
  }
  const tape = new Tape(engine);
  const key = deriveKey(options.seed, 'sampling', 0, 0);
  const count = Math.min(options.maxTokens, context - prompt.length);
  using cache = new KeyValueCache(engine, model.config, prompt.length + count, model.dtype);
  let pending: readonly number[] = prompt;
  for (let index = 0; index < count; index++) {
    const ids = engine.allocate({ shape: [pending.length], dtype: 'i32', role: 'data', name: 'prompt' });
    engine.write(ids, Int32Array.from(pending));
    const logits = model.nextLogits(tape, { ids, batch: 1, sequenceLength: pending.length }, cache);
    engine.release(ids);
    const values = Float64Array.from(await engine.read(logits));
    engine.release(logits);
    const [word] = threefry(key, index, 0);
    const next = sample(values, options.temperature, options.topP, uniform(word));
    if (next === options.endOfText) return;
    yield next;
    pending = [next];
  }
}

/** Index drawn from the logits by a uniform number in (0, 1). */
export function sample(logits: Float64Array, temperature: number, topP: number, random: number): number {
  const likeliest = logits.reduce((best, logit, index) => (logit > logits[best] ? index : best), 0);
  if (temperature === 0) return likeliest;
  const weights = logits.map((logit) => Math.exp((logit - logits[likeliest]) / temperature));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const order = Array.from(weights.keys()).sort((a, b) => weights[b] - weights[a] || a - b);
  const nucleus: number[] = [];
  let mass = 0;
  for (const index of order) {
    nucleus.push(index);
    mass += weights[index];
    if (mass >= topP * total) break;
  }
  let rest = random * mass;
  for (const index of nucleus) {
    rest -= weights[index];
    if (rest <= 0) return index;
  }
  return nucleus[nucleus.length - 1];
}

import type { Tokenizer } from '../data/index.js';
import { generate } from '../models/index.js';
import type { LoadedModel } from './inference.js';

export interface ContinuationOptions {
  readonly maxTokens: number;
  readonly temperature: number;
  readonly topP: number;
  readonly seed: number;
}

/** A prompt as a model sees it: BOS in front where the tokenizer has one; an empty one starts after an end of text. */
export function promptTokens(tokenizer: Tokenizer, prompt: string): readonly number[] {
  const ids = [...tokenizer.encode(prompt)];
  const start = tokenizer.bosId ?? (ids.length === 0 ? tokenizer.eosId : undefined);
  return start === undefined ? ids : [start, ...ids];
}

/**
 * Continues a prompt, yielding text as it becomes certain. Ends where the model ends the text or begins another one.
 *
 * @param prompt from {@link promptTokens}
 */
export async function* continueText(
  { engine, model }: LoadedModel,
  tokenizer: Tokenizer,
  prompt: readonly number[],
  options: ContinuationOptions,
): AsyncGenerator<{ readonly text: string; readonly id?: number }> {
  const stream = tokenizer.decodeStream();
  // The prompt goes through the same stream, so that the first new token keeps its leading space.
  for (const id of prompt) stream.push(id);
  const endOfText = tokenizer.eosId ?? model.config.eosTokenId;
  const ids = generate(engine, model, prompt, { ...options, ...(endOfText !== undefined && { endOfText }) });
  for await (const id of ids) {
    if (id === tokenizer.bosId) break;
    yield { text: stream.push(id), id };
    // Lets signals and writes have their turn; ops block the event loop.
    await new Promise((resolve) => setImmediate(resolve));
  }
  const rest = stream.end();
  if (rest !== '') yield { text: rest };
}

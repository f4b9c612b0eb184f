import { InputError } from '../engine/errors.js';
import { MergeLearner } from './learn-merges.js';
import { byteSymbols, bytesBySymbol } from './tokenizer/byte-level.js';
import { gpt2ByteLevel } from './tokenizer/gpt2-files.js';
import { tokenizerFromJson } from './tokenizer/load-tokenizer.js';
import type { Tokenizer } from './tokenizer/tokenizer.js';
import { bpeModel, specialToken, tokenizerJson } from './tokenizer/tokenizer-json.js';
import { countWords } from './word-counts.js';

/** End of text and the 256 bytes. */
export const minimumVocabSize = 257;

export interface TrainTokenizerOptions {
  /** Exact size of the vocabulary, with the end-of-text token and all 256 bytes. */
  readonly vocabSize: number;
  /** Merges learned so far, and merges to be learned in all. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/**
 * Trains a byte-level BPE tokenizer with GPT-2's words: ids 0 `<|endoftext|>`, 1 to 256 the bytes, then the merges in the
 * order in which they were learned, the layout that Hugging Face's trainer gives.
 *
 * The trainer is our own: the `tokenizers` package learns 30,000 merges from plain text files and takes no other size, and
 * its alphabet holds only the bytes it has seen.
 *
 * @param texts documents, or pieces of them
 * @throws InputError if the size is too small, or the text too short for it
 */
export async function trainTokenizer(
  texts: AsyncIterable<string> | Iterable<string>,
  options: TrainTokenizerOptions,
): Promise<Tokenizer> {
  const { vocabSize } = options;
  if (!Number.isInteger(vocabSize) || vocabSize < minimumVocabSize) {
    throw new InputError(
      `a vocabulary of ${vocabSize} is too small: the bytes and the end-of-text token are ${minimumVocabSize}`,
    );
  }
  const learner = new MergeLearner(await countWords(texts));
  const merges: [string, string][] = [];
  const size = () => 1 + learner.tokens.length;
  while (size() < vocabSize) {
    const merge = learner.next();
    if (merge === undefined) {
      throw new InputError(
        `the text is too short for a vocabulary of ${vocabSize}: it gives ${size()} tokens`,
        `give more text, or --vocab-size ${size()} at most`,
      );
    }
    merges.push([symbols(merge[0]), symbols(merge[1])]);
    options.onProgress?.(merges.length, vocabSize - minimumVocabSize);
  }
  return toTokenizer(learner.tokens, merges);
}

function toTokenizer(tokens: readonly string[], merges: readonly [string, string][]): Tokenizer {
  const vocab: Record<string, number> = { '<|endoftext|>': 0 };
  for (const [place, byte] of bytesBySymbol.entries()) vocab[byteSymbols[byte]] = 1 + place;
  for (const [id, token] of tokens.entries()) if (id >= 256) vocab[symbols(token)] = 1 + id;
  const json = tokenizerJson({
    addedTokens: [specialToken(0, '<|endoftext|>')],
    preTokenizer: gpt2ByteLevel,
    decoder: gpt2ByteLevel,
    model: bpeModel(vocab, merges),
  });
  return tokenizerFromJson(json, {}, 'the trained tokenizer');
}

/** A token with one character per byte, in the byte-level alphabet. */
function symbols(bytes: string): string {
  return Array.from(bytes, (byte) => byteSymbols[byte.charCodeAt(0)]).join('');
}

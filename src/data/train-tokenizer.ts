import { InputError } from '../engine/errors.js';
import { MergeLearner } from './learn-merges.js';
import { byteSymbols, bytesBySymbol } from './tokenizer/byte-level.js';
import { gpt2ByteLevel } from './tokenizer/gpt2-files.js';
import { tokenizerFromJson } from './tokenizer/load-tokenizer.js';
import type { Tokenizer } from './tokenizer/tokenizer.js';
import { bpeModel, specialToken, tokenizerJson } from './tokenizer/tokenizer-json.js';
import { countWords } from './word-counts.js';

/** Special tokens that come before the bytes, by the kind of model that the tokenizer is for. */
const specialTokens = {
  gpt2: ['<|endoftext|>'],
  roberta: ['<s>', '<pad>', '</s>', '<unk>', '<mask>'],
} as const;
export const tokenizerKinds = ['gpt2', 'roberta'] as const;
export type TokenizerKind = (typeof tokenizerKinds)[number];

/** The special tokens and the 256 bytes. */
export function minimumVocabSize(kind: TokenizerKind): number {
  return specialTokens[kind].length + 256;
}

export interface TrainTokenizerOptions {
  /** `gpt2` for models that continue text (default), `roberta` for encoders, with a mask. */
  readonly kind?: TokenizerKind | undefined;
  /** Exact size of the vocabulary, with the special tokens and all 256 bytes. */
  readonly vocabSize: number;
  /** Merges learned so far, and merges to be learned in all. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/**
 * Trains a byte-level BPE tokenizer with GPT-2's words: first the special tokens (`<|endoftext|>`; RoBERTa's five), then the
 * bytes, then the merges in the order in which they were learned, the layout that Hugging Face's trainer gives.
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
  const { vocabSize, kind = 'gpt2' } = options;
  const special = specialTokens[kind];
  const least = minimumVocabSize(kind);
  if (!Number.isInteger(vocabSize) || vocabSize < least) {
    throw new InputError(`a vocabulary of ${vocabSize} is too small: the bytes and the special tokens are ${least}`);
  }
  const learner = new MergeLearner(await countWords(texts));
  const merges: [string, string][] = [];
  const size = () => special.length + learner.tokens.length;
  while (size() < vocabSize) {
    const merge = learner.next();
    if (merge === undefined) {
      throw new InputError(
        `the text is too short for a vocabulary of ${vocabSize}: it gives ${size()} tokens`,
        `give more text, or --vocab-size ${size()} at most`,
      );
    }
    merges.push([symbols(merge[0]), symbols(merge[1])]);
    options.onProgress?.(merges.length, vocabSize - least);
  }
  return toTokenizer(special, learner.tokens, merges);
}

function toTokenizer(
  special: readonly string[],
  tokens: readonly string[],
  merges: readonly [string, string][],
): Tokenizer {
  const vocab: Record<string, number> = Object.fromEntries(special.map((name, id) => [name, id]));
  for (const [place, byte] of bytesBySymbol.entries()) vocab[byteSymbols[byte]] = special.length + place;
  for (const [id, token] of tokens.entries()) if (id >= 256) vocab[symbols(token)] = special.length + id;
  const json = tokenizerJson({
    addedTokens: special.map((name, id) => specialToken(id, name)),
    preTokenizer: gpt2ByteLevel,
    decoder: gpt2ByteLevel,
    model: bpeModel(vocab, merges),
  });
  if (!special.includes('<mask>')) return tokenizerFromJson(json, {}, 'the trained tokenizer');
  // Documents of a corpus end with </s>; what stands in front of a sequence is the template's affair.
  const config = { ...robertaNames, add_bos_token: false };
  return tokenizerFromJson({ ...json, post_processor: robertaProcessor }, config, 'the trained tokenizer');
}

const robertaProcessor = {
  type: 'RobertaProcessing',
  sep: ['</s>', 2],
  cls: ['<s>', 0],
  trim_offsets: true,
  add_prefix_space: false,
};
const robertaNames = {
  bos_token: '<s>',
  eos_token: '</s>',
  cls_token: '<s>',
  sep_token: '</s>',
  pad_token: '<pad>',
  unk_token: '<unk>',
  mask_token: '<mask>',
};

/** A token with one character per byte, in the byte-level alphabet. */
function symbols(bytes: string): string {
  return Array.from(bytes, (byte) => byteSymbols[byte.charCodeAt(0)]).join('');
}

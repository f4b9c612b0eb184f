import { z } from 'zod';
import { InputError } from '../../engine/errors.js';
import { byteSymbols } from './byte-level.js';
import type { TokenizerJson } from './tokenizer-json.js';

/** When a section of text gets a space in front before it is cut into words. */
export type PrefixRule = 'never' | 'always' | 'unless-there' | 'first-unless-there';

/** What is needed to run a byte-pair tokenizer, taken from a tokenizer.json. */
export interface BpeRecipe {
  /** `byte-level`: GPT-2's words in its byte alphabet. `metaspace`: Llama's, "▁" for space, bytes for unknown characters. */
  readonly kind: 'byte-level' | 'metaspace';
  readonly vocab: ReadonlyMap<string, number>;
  readonly merges: readonly (readonly [left: number, right: number, merged: number])[];
  /** A word that is in the vocabulary is taken whole, whatever the merges say. */
  readonly wholeWordsFirst: boolean;
  readonly prefix: PrefixRule;
}

const bpeSchema = z.looseObject({
  type: z.literal('BPE').optional(),
  vocab: z.record(z.string(), z.int().nonnegative()),
  merges: z.array(z.union([z.string(), z.tuple([z.string(), z.string()])])),
  byte_fallback: z.boolean().default(false),
  ignore_merges: z.boolean().default(false),
  dropout: z.number().nullish(),
  continuing_subword_prefix: z.string().nullish(),
  end_of_word_suffix: z.string().nullish(),
});

const byteLevelSchema = z.looseObject({
  type: z.literal('ByteLevel'),
  add_prefix_space: z.boolean().default(true),
  use_regex: z.literal(true).default(true),
});

const metaspaceSchema = z.looseObject({
  type: z.literal('Metaspace'),
  replacement: z.literal('▁'),
  prepend_scheme: z.enum(['always', 'first', 'never']).default('always'),
  split: z.literal(false),
});

const llamaNormalizerSchema = z.looseObject({
  type: z.literal('Sequence'),
  normalizers: z.tuple([
    z.looseObject({ type: z.literal('Prepend'), prepend: z.literal('▁') }),
    z.looseObject({
      type: z.literal('Replace'),
      pattern: z.looseObject({ String: z.literal(' ') }),
      content: z.literal('▁'),
    }),
  ]),
});

/**
 * Recognises the two families of byte-pair tokenizers that our own encoder runs. Others (Unigram, WordPiece, unusual
 * pre-tokenizers) give undefined.
 *
 * @throws InputError if the vocabulary contradicts itself
 */
export function recogniseBpe(json: TokenizerJson, file: string): BpeRecipe | undefined {
  const parsed = bpeSchema.safeParse(json.model);
  if (!parsed.success) return undefined;
  const model = parsed.data;
  if (model.dropout || model.continuing_subword_prefix || model.end_of_word_suffix) return undefined;
  // Tokens with rules about their neighbourhood are left to the library.
  if (json.added_tokens.some((t) => t.lstrip || t.rstrip || t.single_word || (t.normalized && json.normalizer))) {
    return undefined;
  }
  const vocab = new Map(Object.entries(model.vocab));
  const family = byteLevel(json, vocab) ?? (model.byte_fallback ? metaspace(json, vocab) : undefined);
  if (family === undefined) return undefined;
  return { ...family, vocab, merges: readMerges(model.merges, vocab, file), wholeWordsFirst: model.ignore_merges };
}

type Family = Pick<BpeRecipe, 'kind' | 'prefix'>;

function byteLevel(json: TokenizerJson, vocab: ReadonlyMap<string, number>): Family | undefined {
  const words = byteLevelSchema.safeParse(json.pre_tokenizer);
  if (json.normalizer || !words.success || !byteSymbols.every((symbol) => vocab.has(symbol))) return undefined;
  return { kind: 'byte-level', prefix: words.data.add_prefix_space ? 'unless-there' : 'never' };
}

function metaspace(json: TokenizerJson, vocab: ReadonlyMap<string, number>): Family | undefined {
  const hasAllBytes = byteSymbols.every((_, byte) => vocab.has(byteToken(byte)));
  if (!hasAllBytes) return undefined;
  if (!json.pre_tokenizer && llamaNormalizerSchema.safeParse(json.normalizer).success) {
    return { kind: 'metaspace', prefix: 'always' };
  }
  const words = metaspaceSchema.safeParse(json.pre_tokenizer);
  if (json.normalizer || !words.success) return undefined;
  const rules = { always: 'unless-there', first: 'first-unless-there', never: 'never' } as const;
  return { kind: 'metaspace', prefix: rules[words.data.prepend_scheme] };
}

/** Name of the token that stands for one byte of a character that is not in the vocabulary. */
export function byteToken(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;
}

function readMerges(
  merges: readonly (string | readonly [string, string])[],
  vocab: ReadonlyMap<string, number>,
  file: string,
): [number, number, number][] {
  return merges.map((merge) => {
    const [left, right] = typeof merge === 'string' ? merge.split(' ') : merge;
    const ids = [left, right, left + right].map((token) => vocab.get(token));
    const [leftId, rightId, mergedId] = ids;
    if (leftId === undefined || rightId === undefined || mergedId === undefined) {
      throw new InputError(`${file}: the merge "${left} ${right}" uses a token that is not in the vocabulary`);
    }
    return [leftId, rightId, mergedId];
  });
}

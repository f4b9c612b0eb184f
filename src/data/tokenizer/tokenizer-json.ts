import { z } from 'zod';
import { InputError } from '../../engine/errors.js';

const addedTokenSchema = z.looseObject({
  id: z.int().nonnegative(),
  content: z.string(),
  special: z.boolean().default(false),
  single_word: z.boolean().default(false),
  lstrip: z.boolean().default(false),
  rstrip: z.boolean().default(false),
  normalized: z.boolean().default(false),
});

/** A part that need not be there; null then, which is what the library wants to see. */
const part = z
  .unknown()
  .optional()
  .transform((value): unknown => value ?? null);

const tokenizerJsonSchema = z.looseObject({
  added_tokens: z
    .array(addedTokenSchema)
    .nullish()
    .transform((tokens) => tokens ?? []),
  normalizer: part,
  pre_tokenizer: part,
  post_processor: part,
  decoder: part,
  model: z.looseObject({ type: z.string().optional(), vocab: z.unknown().optional() }),
});

/** A special or user-defined token, matched in the text as a whole. */
export type AddedToken = z.infer<typeof addedTokenSchema>;

/** Hugging Face's `tokenizer.json`. Parts that only some readers know are kept as they are. */
export type TokenizerJson = z.infer<typeof tokenizerJsonSchema>;

const tokenNameSchema = z.union([z.string(), z.looseObject({ content: z.string() })]).nullish();
const configSchema = z.looseObject({
  bos_token: tokenNameSchema,
  eos_token: tokenNameSchema,
  add_bos_token: z.boolean().nullish(),
});

/** `tokenizer_config.json`; only the names of the special tokens matter here, the rest is kept. */
export type TokenizerConfig = z.infer<typeof configSchema>;

/**
 * @param file how error messages name the source
 * @throws InputError if the value is no tokenizer.json
 */
export function parseTokenizerJson(value: unknown, file: string): TokenizerJson {
  const parsed = tokenizerJsonSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0];
  throw new InputError(
    `${file}: not a tokenizer.json: at "${path.join('.')}": ${message}`,
    'give a tokenizer.json, a tokenizer.model, or a directory that holds one',
  );
}

/** @throws InputError if the value is no tokenizer_config.json */
export function parseTokenizerConfig(value: unknown, file: string): TokenizerConfig {
  const parsed = configSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0];
  throw new InputError(`${file}: not a tokenizer_config.json: at "${path.join('.')}": ${message}`);
}

/** An entry of `added_tokens` as Hugging Face writes it for special tokens. */
export function specialToken(id: number, content: string): AddedToken {
  return { id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
}

/** A tokenizer.json with nothing in it but what is given. */
export function tokenizerJson(parts: {
  readonly addedTokens: AddedToken[];
  readonly normalizer?: unknown;
  readonly preTokenizer?: unknown;
  readonly decoder: unknown;
  readonly model: { type: string; vocab: unknown; [key: string]: unknown };
}): TokenizerJson {
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: parts.addedTokens,
    normalizer: parts.normalizer ?? null,
    pre_tokenizer: parts.preTokenizer ?? null,
    post_processor: null,
    decoder: parts.decoder,
    model: parts.model,
  };
}

/** The model part of a byte-pair tokenizer.json, with the fields that Hugging Face's reader insists on. */
export function bpeModel(
  vocab: Readonly<Record<string, number>>,
  merges: readonly (readonly [string, string])[],
  options: { readonly unkToken?: string; readonly byteFallback?: boolean } = {},
) {
  return {
    type: 'BPE',
    dropout: null,
    unk_token: options.unkToken ?? null,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: options.byteFallback ?? false,
    byte_fallback: options.byteFallback ?? false,
    ignore_merges: false,
    vocab,
    merges,
  };
}

import type { MaskingTokens } from './masking-tokens.js';
import type { SequenceTemplate } from './sequence-template.js';

/** How {@link Tokenizer.encode} is to read its text. */
export interface EncodeOptions {
  /** The text goes on from earlier text of the same document, so no prefix (Llama's leading space) is put before it. */
  readonly continued?: boolean;
}

/**
 * From text to ids and back.
 *
 * `encode` adds neither BOS nor end-of-text. A text may be encoded in pieces, cut before blank space, the later ones
 * `continued`, and gives the same ids as in one go (unless the cut lies just behind a special token in the text).
 */
export interface Tokenizer {
  /** One more than the largest id. */
  readonly vocabSize: number;
  /** Goes in front of a document; undefined if the tokenizer has none. */
  readonly bosId: number | undefined;
  /** End-of-text token. */
  readonly eosId: number | undefined;
  /** What encoders see around a text or a pair; undefined if there are no tokens for it. */
  readonly template: SequenceTemplate | undefined;
  /** What masked language modelling needs; undefined if there is no mask. */
  readonly masking: MaskingTokens | undefined;
  /** Hash of all that determines the ids; the key of token caches. */
  readonly fingerprint: string;
  encode(text: string, options?: EncodeOptions): Int32Array;
  /** Text of ids. Special tokens are left out, ids beyond the vocabulary and broken UTF-8 become U+FFFD. */
  decode(ids: Iterable<number>): string;
  /** Decodes ids as they come; see {@link DecodeStream}. */
  decodeStream(): DecodeStream;
  /**
   * Writes `tokenizer.json` and `tokenizer_config.json` in Hugging Face's format; {@link loadTokenizer} of the directory
   * gives the same ids.
   *
   * @throws SaveError
   */
  save(directory: string): Promise<void>;
}

/**
 * Decoding for text that is printed while it is generated: characters of several tokens come out once they are whole. All
 * that was returned, joined, is what `decode` gives for all ids.
 */
export interface DecodeStream {
  /** Text that is certain now; often empty in the middle of a character. */
  push(id: number): string;
  /** What is left at the end: U+FFFD for a character that was never finished. */
  end(): string;
}

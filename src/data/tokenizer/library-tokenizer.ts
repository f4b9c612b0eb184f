import { Tokenizer as Library } from '@huggingface/tokenizers';
import { InputError } from '../../engine/errors.js';
import { findMaskingTokens, type MaskingTokens } from './masking-tokens.js';
import { saveTokenizerFiles, tokenizerFingerprint } from './save-tokenizer.js';
import { findSequenceTemplate, type SequenceTemplate } from './sequence-template.js';
import { findSpecialIds, type SpecialIds } from './special-ids.js';
import type { DecodeStream, EncodeOptions, Tokenizer } from './tokenizer.js';
import type { TokenizerConfig, TokenizerJson } from './tokenizer-json.js';

const knownModels = ['BPE', 'Unigram', 'WordPiece'];

/** Any other tokenizer.json (Unigram, WordPiece, own splitting rules), run by Hugging Face's JavaScript library. */
export class LibraryTokenizer implements Tokenizer {
  readonly vocabSize: number;
  readonly bosId: number | undefined;
  readonly eosId: number | undefined;
  readonly template: SequenceTemplate | undefined;
  readonly masking: MaskingTokens | undefined;
  readonly fingerprint: string;
  private readonly special: SpecialIds;
  private readonly library: Library;
  private withoutPrefix: Library | undefined;

  /** @throws InputError if the library cannot run it */
  constructor(
    private readonly json: TokenizerJson,
    private readonly config: TokenizerConfig,
    file: string,
  ) {
    // The library takes a model it does not know for one of an old form, and would then find no token.
    const { type } = json.model;
    if (type !== undefined && !knownModels.includes(type)) {
      throw new InputError(
        `${file}: this kind of tokenizer cannot be run: ${type}`,
        `known are ${knownModels.join(', ')}`,
      );
    }
    try {
      this.library = new Library(json, config);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      throw new InputError(`${file}: this kind of tokenizer cannot be run: ${message}`);
    }
    this.special = findSpecialIds(json, config);
    this.bosId = this.special.bosId;
    this.eosId = this.special.eosId;
    this.template = findSequenceTemplate(json);
    this.masking = findMaskingTokens(json);
    this.fingerprint = tokenizerFingerprint(json, this.special);
    let largest = -1;
    for (const id of this.library.get_vocab().values()) if (id > largest) largest = id;
    this.vocabSize = largest + 1;
  }

  encode(text: string, options: EncodeOptions = {}): Int32Array {
    if (text === '') return new Int32Array(0);
    if (options.continued === true) this.withoutPrefix ??= new Library(dropPrefix(this.json), this.config);
    const library = options.continued === true && this.withoutPrefix ? this.withoutPrefix : this.library;
    // The library's type leaves out that ids can be undefined.
    const ids: (number | undefined)[] = library.encode(text, { add_special_tokens: false }).ids;
    return Int32Array.from(ids, (id) => {
      if (id !== undefined) return id;
      throw new InputError('the text holds a character that the tokenizer does not know, and it has no unknown token');
    });
  }

  decode(ids: Iterable<number>): string {
    const list = [...ids];
    // The library refuses an empty list.
    if (list.length === 0) return '';
    return this.library.decode(list, { skip_special_tokens: true, clean_up_tokenization_spaces: false });
  }

  /** Decodes all ids again at each step, as rules may look at neighbours; the end waits while it is a broken character. */
  decodeStream(): DecodeStream {
    const ids: number[] = [];
    let shown = '';
    const rest = (text: string) => {
      const fresh = text.slice(shown.length);
      shown = text;
      return fresh;
    };
    return {
      push: (id) => {
        ids.push(id);
        const text = this.decode(ids);
        return text.endsWith('\uFFFD') ? '' : rest(text);
      },
      end: () => rest(this.decode(ids)),
    };
  }

  async save(directory: string): Promise<void> {
    await saveTokenizerFiles(directory, this.json, this.special, this.config);
  }
}

/** The same tokenizer without the rules that put a space before a text, for text that goes on from earlier text. */
function dropPrefix(json: TokenizerJson): TokenizerJson {
  return {
    ...json,
    normalizer: withoutPrefixRule(json.normalizer),
    pre_tokenizer: withoutPrefixRule(json.pre_tokenizer),
  };
}

function withoutPrefixRule(part: unknown): unknown {
  if (Array.isArray(part)) return part.filter((item) => !isPrepend(item)).map(withoutPrefixRule);
  if (typeof part !== 'object' || part === null) return part;
  if (isPrepend(part)) return null;
  return Object.fromEntries(
    Object.entries(part).map(([key, value]) => {
      if (key === 'add_prefix_space') return [key, false];
      if (key === 'prepend_scheme') return [key, 'never'];
      return [key, withoutPrefixRule(value)];
    }),
  );
}

function isPrepend(part: unknown): boolean {
  return typeof part === 'object' && part !== null && 'type' in part && part.type === 'Prepend';
}

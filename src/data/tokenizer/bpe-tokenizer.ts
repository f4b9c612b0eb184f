import { BpeMerges } from './bpe-merges.js';
import { type BpeRecipe, byteToken } from './bpe-recipe.js';
import { byteSymbols, fromSymbols } from './byte-level.js';
import { IdBuffer } from './id-buffer.js';
import { findMaskingTokens, type MaskingTokens } from './masking-tokens.js';
import { saveTokenizerFiles, tokenizerFingerprint } from './save-tokenizer.js';
import { findSequenceTemplate, type SequenceTemplate } from './sequence-template.js';
import { findSpecialIds, type SpecialIds } from './special-ids.js';
import type { DecodeStream, EncodeOptions, Tokenizer } from './tokenizer.js';
import type { AddedToken, TokenizerConfig, TokenizerJson } from './tokenizer-json.js';
import { byteDecodeStream, decodeAll, unknownBytes } from './utf8-stream.js';
import { detached, type WordSplitter, wordSplitter } from './words.js';

/** Words kept with their ids: some tens of MiB at most. Longer words hardly come twice. */
const maximumCachedWords = 2 ** 17;
const maximumCachedLength = 48;

/**
 * Byte-pair tokenizer of GPT-2's or Llama's kind. The same ids as Hugging Face's Rust library gives, several times faster
 * than the JavaScript one, because each distinct word is merged only once.
 */
export class BpeTokenizer implements Tokenizer {
  readonly vocabSize: number;
  readonly bosId: number | undefined;
  readonly eosId: number | undefined;
  readonly template: SequenceTemplate | undefined;
  readonly masking: MaskingTokens | undefined;
  private readonly special: SpecialIds;
  private readonly merges: BpeMerges;
  private readonly words: WordSplitter;
  private readonly addedIds: ReadonlyMap<string, number>;
  private readonly addedPattern: RegExp | undefined;
  private readonly byteIds: readonly number[];
  private readonly cache = new Map<string, Int32Array>();
  private readonly encoder = new TextEncoder();
  private hash: string | undefined;
  private tokenBytes: readonly Uint8Array[] | undefined;

  constructor(
    private readonly json: TokenizerJson,
    private readonly config: TokenizerConfig,
    private readonly recipe: BpeRecipe,
  ) {
    this.special = findSpecialIds(json, config);
    this.bosId = this.special.bosId;
    this.eosId = this.special.eosId;
    this.template = findSequenceTemplate(json);
    this.masking = findMaskingTokens(json);
    this.merges = new BpeMerges(recipe.merges);
    this.words = wordSplitter(recipe);
    this.addedIds = new Map(json.added_tokens.map((token) => [token.content, token.id]));
    this.addedPattern = addedTokenPattern(json.added_tokens);
    const byteName = recipe.kind === 'byte-level' ? (byte: number) => byteSymbols[byte] : byteToken;
    this.byteIds = byteSymbols.map((_, byte) => recipe.vocab.get(byteName(byte)) ?? -1);
    let largest = -1;
    for (const id of [...recipe.vocab.values(), ...this.addedIds.values()]) if (id > largest) largest = id;
    this.vocabSize = largest + 1;
  }

  /** Computed when asked for: hashing a large vocabulary takes longer than a start of the program should. */
  get fingerprint(): string {
    this.hash ??= tokenizerFingerprint(this.json, this.special);
    return this.hash;
  }

  encode(text: string, options: EncodeOptions = {}): Int32Array {
    const ids = new IdBuffer();
    const sections = this.addedPattern === undefined ? [text] : text.split(this.addedPattern);
    let first = true;
    for (const section of sections) {
      if (section === '') continue;
      const added = this.addedIds.get(section);
      if (added !== undefined) ids.push(added);
      else for (const word of this.words(section, first, options.continued === true)) ids.append(this.wordIds(word));
      first = false;
    }
    return ids.take();
  }

  decode(ids: Iterable<number>): string {
    return decodeAll(this.decodeStream(), ids);
  }

  decodeStream(): DecodeStream {
    this.tokenBytes ??= tokenByteTable(this.recipe, this.json.added_tokens);
    const table = this.tokenBytes;
    const dropSpace = this.recipe.kind === 'metaspace' && this.recipe.prefix !== 'never';
    return byteDecodeStream((id) => table[id] ?? unknownBytes, dropSpace);
  }

  async save(directory: string): Promise<void> {
    await saveTokenizerFiles(directory, this.json, this.special, this.config);
  }

  private wordIds(word: string): Int32Array {
    const known = this.cache.get(word);
    if (known !== undefined) return known;
    const ids = Int32Array.from(this.mergeWord(word));
    if (word.length <= maximumCachedLength) {
      // Starting afresh costs little and needs no book-keeping per look-up, unlike a queue of the least used.
      if (this.cache.size >= maximumCachedWords) this.cache.clear();
      this.cache.set(detached(word), ids);
    }
    return ids;
  }

  private mergeWord(word: string): number[] {
    const { recipe, byteIds } = this;
    const isByteLevel = recipe.kind === 'byte-level';
    const symbols: number[] = [];
    for (const part of isByteLevel ? [word] : word) {
      const id = isByteLevel ? undefined : recipe.vocab.get(part);
      if (id !== undefined) symbols.push(id);
      else for (const byte of this.encoder.encode(part)) symbols.push(byteIds[byte]);
    }
    if (recipe.wholeWordsFirst) {
      const whole = recipe.vocab.get(isByteLevel ? this.inSymbols(word) : word);
      if (whole !== undefined) return [whole];
    }
    return this.merges.apply(symbols);
  }

  private inSymbols(word: string): string {
    return Array.from(this.encoder.encode(word), (byte) => byteSymbols[byte]).join('');
  }
}

/** Matches any added token, the longest where several start at one place, as a capture that `split` keeps. */
function addedTokenPattern(tokens: readonly AddedToken[]): RegExp | undefined {
  const contents = tokens.map((token) => token.content).filter((content) => content !== '');
  if (contents.length === 0) return undefined;
  const escaped = contents
    .sort((a, b) => b.length - a.length)
    .map((content) => content.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'));
  return new RegExp(`(${escaped.join('|')})`);
}

/** Bytes of the text that each id stands for. */
function tokenByteTable(recipe: BpeRecipe, added: readonly AddedToken[]): Uint8Array[] {
  const encoder = new TextEncoder();
  const table: Uint8Array[] = [];
  for (const [token, id] of recipe.vocab) {
    const byte = /^<0x([0-9A-F]{2})>$/.exec(token);
    if (recipe.kind === 'byte-level') table[id] = fromSymbols(token) ?? encoder.encode(token);
    else if (byte !== null) table[id] = Uint8Array.of(Number.parseInt(byte[1], 16));
    else table[id] = encoder.encode(token.replaceAll('▁', ' '));
  }
  for (const token of added) table[token.id] = token.special ? new Uint8Array(0) : encoder.encode(token.content);
  return table;
}

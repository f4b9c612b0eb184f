import { z } from 'zod';
import { InputError } from '../../engine/errors.js';
import { IdBuffer } from './id-buffer.js';
import { saveTokenizerFiles, tokenizerFingerprint } from './save-tokenizer.js';
import type { DecodeStream, Tokenizer } from './tokenizer.js';
import { bpeModel, specialToken, type TokenizerJson, tokenizerJson } from './tokenizer-json.js';
import { byteDecodeStream, decodeAll, unknownBytes } from './utf8-stream.js';

const endOfText = '<|endoftext|>';

/** One id for each character (code point) of the training text, in the order of their code points; the last is end of text. */
export class CharTokenizer implements Tokenizer {
  readonly vocabSize: number;
  readonly bosId = undefined;
  readonly eosId: number;
  readonly template = undefined;
  readonly masking = undefined;
  readonly fingerprint: string;
  private readonly ids: ReadonlyMap<string, number>;

  /** @param characters the vocabulary, in the order of the ids */
  constructor(private readonly characters: readonly string[]) {
    this.ids = new Map(characters.map((character, id) => [character, id]));
    this.eosId = characters.length;
    this.vocabSize = characters.length + 1;
    this.fingerprint = tokenizerFingerprint(this.toJson(), this);
  }

  /** @throws InputError if the text holds a character that is not in the vocabulary */
  encode(text: string): Int32Array {
    const ids = new IdBuffer();
    for (const character of text) {
      const id = this.ids.get(character);
      if (id === undefined) {
        const code = character.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0');
        throw new InputError(
          `the character ${JSON.stringify(character)} (U+${code}) is not in the tokenizer's vocabulary of ${this.characters.length}`,
          'build the char tokenizer from all of the text, or use --tokenizer byte',
        );
      }
      ids.push(id);
    }
    return ids.take();
  }

  decode(ids: Iterable<number>): string {
    return decodeAll(this.decodeStream(), ids);
  }

  decodeStream(): DecodeStream {
    const encoder = new TextEncoder();
    return byteDecodeStream((id) => {
      if (id === this.eosId) return new Uint8Array(0);
      const character = this.characters[id];
      return character === undefined ? unknownBytes : encoder.encode(character);
    });
  }

  async save(directory: string): Promise<void> {
    await saveTokenizerFiles(directory, this.toJson(), this);
  }

  /** Pairs without a single merge, cut nowhere: Hugging Face's libraries read it and give the characters. */
  private toJson(): TokenizerJson {
    return tokenizerJson({
      addedTokens: [specialToken(this.eosId, endOfText)],
      decoder: { type: 'Fuse' },
      model: bpeModel(Object.fromEntries(this.ids), []),
    });
  }
}

/**
 * Builds a character vocabulary.
 *
 * @throws InputError if there is no text
 */
export async function trainCharTokenizer(texts: Iterable<string> | AsyncIterable<string>): Promise<CharTokenizer> {
  const seen = new Set<string>();
  for await (const text of texts) for (const character of text) seen.add(character);
  if (seen.size === 0) throw new InputError('the text is empty: no characters to make a vocabulary of');
  const codePoint = (character: string) => character.codePointAt(0) ?? 0;
  return new CharTokenizer([...seen].sort((a, b) => codePoint(a) - codePoint(b)));
}

const charModelSchema = z.looseObject({
  type: z.literal('BPE'),
  vocab: z.record(z.string(), z.int()),
  merges: z.array(z.unknown()).length(0),
  byte_fallback: z.literal(false),
});

/** The tokenizer that {@link CharTokenizer} wrote, or undefined if this is another kind. */
export function readCharTokenizer(json: TokenizerJson): CharTokenizer | undefined {
  const model = charModelSchema.safeParse(json.model);
  if (!model.success || json.normalizer || json.pre_tokenizer || json.added_tokens.length !== 1) return undefined;
  const characters: string[] = [];
  for (const [character, id] of Object.entries(model.data.vocab)) characters[id] = character;
  const isComplete = characters.length === Object.keys(model.data.vocab).length && !characters.includes('');
  const [added] = json.added_tokens;
  return isComplete && added.content === endOfText && added.id === characters.length
    ? new CharTokenizer(characters)
    : undefined;
}

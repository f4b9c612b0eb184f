import { InputError } from '../../engine/errors.js';
import type { SequenceTemplate } from '../tokenizer/sequence-template.js';
import type { Tokenizer } from '../tokenizer/tokenizer.js';

/** A text or pair as an encoder reads it. */
export interface EncodedText {
  readonly ids: Int32Array;
  /** Segment of each id. */
  readonly typeIds: Int32Array;
}

export interface EncodeTextOptions {
  /** Most tokens of a sequence, special ones included. */
  readonly maxLength: number;
  /** Cut what is too long, the longer text of a pair first; otherwise it is refused. */
  readonly truncate: boolean;
}

/** Puts texts between the special tokens that a tokenizer's models expect. */
export class SequenceEncoder {
  readonly #tokenizer: Tokenizer;
  readonly #template: SequenceTemplate;
  readonly #options: EncodeTextOptions;

  /** @throws InputError if the tokenizer has no special tokens around a text, or the length leaves no room for one */
  constructor(tokenizer: Tokenizer, options: EncodeTextOptions) {
    if (!tokenizer.template) {
      throw new InputError(
        'the tokenizer does not say what stands around a text ([CLS] and [SEP], or <s> and </s>)',
        'use the tokenizer.json that belongs to the encoder',
      );
    }
    const special = tokenizer.template.pair.filter(({ insert }) => typeof insert === 'number').length;
    if (options.maxLength < special + 2) {
      throw new InputError(
        `--max-length ${options.maxLength} leaves no room for a pair between ${special} special tokens`,
        `the least is ${special + 2}`,
      );
    }
    this.#tokenizer = tokenizer;
    this.#template = tokenizer.template;
    this.#options = options;
  }

  /**
   * @param where place in a file, for the message
   * @throws InputError if the text is longer than allowed and not to be cut
   */
  encode({
    text,
    pair,
    where,
  }: {
    readonly text: string;
    readonly pair?: string;
    readonly where: string;
  }): EncodedText {
    const { maxLength, truncate } = this.#options;
    const first = this.#tokenizer.encode(text);
    const second = pair === undefined ? undefined : this.#tokenizer.encode(pair);
    const parts = second ? this.#template.pair : this.#template.single;
    const room = maxLength - parts.filter(({ insert }) => typeof insert === 'number').length;
    const tooLong = first.length + (second?.length ?? 0) - room;
    if (tooLong > 0 && !truncate) {
      throw new InputError(
        `${where}: the text has ${maxLength + tooLong} tokens, the most is ${maxLength}`,
        'add --truncate to cut it, or raise --max-length',
      );
    }
    const [keptFirst, keptSecond] = keptLengths(first.length, second?.length ?? 0, room);
    const ids: number[] = [];
    const typeIds: number[] = [];
    for (const { insert, typeId } of parts) {
      const added =
        insert === 'first'
          ? first.subarray(0, keptFirst)
          : insert === 'second'
            ? (second?.subarray(0, keptSecond) ?? [])
            : [insert];
      ids.push(...added);
      for (let i = 0; i < added.length; i++) typeIds.push(typeId);
    }
    return { ids: Int32Array.from(ids), typeIds: Int32Array.from(typeIds) };
  }
}

/**
 * How much of two texts is kept when both together have `room`: the longer one is cut until both are of one length, then
 * both alike; an odd token goes to the longer one, of two equal ones to the second (as in Hugging Face's `longest_first`).
 */
export function keptLengths(first: number, second: number, room: number): readonly [number, number] {
  if (first + second <= room) return [first, second];
  if (first > second) {
    const [kept, other] = keptLengths(second, first, room);
    return [other, kept];
  }
  const shorter = Math.min(first, Math.floor(room / 2));
  return [shorter, Math.min(second, room - shorter)];
}

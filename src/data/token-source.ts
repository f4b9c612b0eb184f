import { InputError } from '../engine/errors.js';

/** A long row of token ids on disk, read in pieces. */
export interface TokenSource extends Disposable {
  /** Tokens. */
  readonly length: number;
  /** Largest id in it. */
  readonly maxId: number;
  /** Hash of the ids; the same ids have the same, wherever they lie. */
  readonly fingerprint: string;
  /**
   * Ids at `start` … `start + count − 1`.
   *
   * @throws InputError if the file became shorter since it was opened
   * @throws RangeError if the range leaves the source
   */
  read(start: number, count: number): Int32Array;
  close(): void;
}

/** Several sources as one, in this order. */
export class ConcatenatedTokens implements TokenSource {
  readonly length: number;
  readonly maxId: number;
  readonly fingerprint: string;
  /** First token of each part. */
  private readonly starts: readonly number[];

  constructor(private readonly parts: readonly TokenSource[]) {
    const starts: number[] = [];
    let length = 0;
    for (const part of parts) {
      starts.push(length);
      length += part.length;
    }
    this.starts = starts;
    this.length = length;
    this.maxId = parts.reduce((largest, part) => Math.max(largest, part.maxId), -1);
    this.fingerprint = parts.map((part) => part.fingerprint).join('+');
  }

  read(start: number, count: number): Int32Array {
    checkRange(this.length, start, count);
    const ids = new Int32Array(count);
    for (const [index, part] of this.parts.entries()) {
      const from = Math.max(start, this.starts[index]);
      const to = Math.min(start + count, this.starts[index] + part.length);
      if (from < to) ids.set(part.read(from - this.starts[index], to - from), from - start);
    }
    return ids;
  }

  close(): void {
    for (const part of this.parts) part.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Ids in memory as a source; for tests and small data. */
export class TokensInMemory implements TokenSource {
  readonly length: number;
  readonly maxId: number;
  readonly fingerprint = 'memory';

  constructor(private readonly ids: Int32Array) {
    this.length = ids.length;
    this.maxId = ids.reduce((largest, id) => Math.max(largest, id), -1);
  }

  read(start: number, count: number): Int32Array {
    checkRange(this.length, start, count);
    return this.ids.slice(start, start + count);
  }

  close(): void {}

  [Symbol.dispose](): void {}
}

/** @throws RangeError if start … start + count − 1 is not within 0 … length − 1 */
export function checkRange(length: number, start: number, count: number): void {
  const isWhole = Number.isSafeInteger(start) && Number.isSafeInteger(count);
  if (isWhole && start >= 0 && count >= 0 && start + count <= length) return;
  throw new RangeError(`tokens ${start} to ${start + count - 1} of a source that holds ${length}`);
}

/**
 * Refuses data whose ids the model cannot embed.
 *
 * @param vocabSize the model's
 * @throws InputError that names the first such id, its position and the vocabulary's size
 */
export function requireVocabulary(source: TokenSource, vocabSize: number, name: string): void {
  if (source.maxId < vocabSize) return;
  const chunk = 2 ** 20;
  for (let start = 0; start < source.length; start += chunk) {
    const ids = source.read(start, Math.min(chunk, source.length - start));
    // A uint32 above 2^31 comes as a negative number.
    const at = ids.findIndex((id) => id >= vocabSize || id < 0);
    if (at >= 0) throw beyondVocabulary(ids[at] >>> 0, start + at, vocabSize, name);
  }
}

/** The error for an id that is too large. */
export function beyondVocabulary(id: number, position: number, vocabSize: number, name: string): InputError {
  return new InputError(
    `${name}: token id ${id} at position ${position} is beyond the model's vocabulary of ${vocabSize}`,
    `use the tokenizer that belongs to the model, or a model with --vocab-size ${id + 1} or more`,
  );
}

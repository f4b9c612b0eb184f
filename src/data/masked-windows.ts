import { InputError } from '../engine/errors.js';
import { deriveKey, threefry, uniform } from '../engine/threefry.js';
import type { MaskingTokens } from './tokenizer/masking-tokens.js';
import type { Tokenizer } from './tokenizer/tokenizer.js';
import type { Windows } from './windows.js';

/** Share of a sequence's tokens that are predicted (BERT, arXiv 1810.04805). */
const predictedShare = 0.15;
/** Of these, so many become the mask, and as many up to the second figure another token; the rest stay. */
const [maskedUpTo, replacedUpTo] = [0.8, 0.9];

/** Tokens of a sequence of this length that are predicted; always the same number, so that a batch's shape is. */
export function predictedPerSequence(sequenceLength: number): number {
  return Math.max(1, Math.round(predictedShare * sequenceLength));
}

/** Sequences with some tokens hidden, and what these were. */
export interface MaskedBatch {
  /** [B·T], row-major. */
  readonly inputs: Int32Array;
  /** [P], numbers of the tokens that are predicted (row·T + place). */
  readonly predicted: Int32Array;
  /** [P], the tokens themselves; −100 where a row has fewer that can be. */
  readonly targets: Int32Array;
  readonly batch: number;
  readonly sequenceLength: number;
}

/** Rows of windows between the tokenizer's special tokens: `<s> ... </s>`, `[CLS] ... [SEP]`. */
export interface MaskingRecipe extends MaskingTokens {
  readonly before: readonly number[];
  readonly after: readonly number[];
  readonly vocabSize: number;
}

/**
 * How a tokenizer's models see a row of text with masks.
 *
 * @throws InputError if it has no mask, or no tokens around a text
 */
export function maskingRecipe(tokenizer: Tokenizer): MaskingRecipe {
  const { masking, template, vocabSize } = tokenizer;
  if (!masking || !template) {
    throw new InputError(
      'the tokenizer has no mask and no tokens around a text, which masked language modelling needs',
      'train one with compact tokenizer train --kind roberta, or use that of a BERT or RoBERTa',
    );
  }
  const text = template.single.findIndex(({ insert }) => insert === 'first');
  const idsOf = (parts: typeof template.single) =>
    parts.map(({ insert }) => insert).filter((insert) => typeof insert === 'number');
  const before = idsOf(template.single.slice(0, text));
  const after = idsOf(template.single.slice(text + 1));
  return { ...masking, before, after, vocabSize };
}

/** Tokens of text in a sequence of this length. */
export function textLength({ before, after }: MaskingRecipe, sequenceLength: number): number {
  const length = sequenceLength - before.length - after.length;
  if (length >= 1) return length;
  throw new InputError(`sequences of ${sequenceLength} tokens have no room for text`, 'give a longer --seq');
}

/**
 * Masked batches from windows of text: 15 % of a row are predicted, of which 80 % are replaced by the mask, 10 % by another
 * token, 10 % stay. What is masked is a function of the seed and the row's place in the endless stream: another choice in each
 * epoch, and the same after a stop.
 */
export class MaskedWindows {
  readonly sequenceLength: number;
  readonly #windows: Windows;
  readonly #recipe: MaskingRecipe;
  readonly #seed: number;

  /** @param windows of `textLength` tokens */
  constructor(windows: Windows, recipe: MaskingRecipe, seed: number) {
    this.#windows = windows;
    this.#recipe = recipe;
    this.#seed = seed;
    this.sequenceLength = windows.sequenceLength + recipe.before.length + recipe.after.length;
  }

  get count(): number {
    return this.#windows.count;
  }

  /** Names data, windows and masks. */
  get fingerprint(): string {
    return `${this.#windows.fingerprint} masked`;
  }

  /** Batch number `index` = 0, 1, 2, ... of the endless stream. */
  batch(index: number): MaskedBatch {
    const { batchSize } = this.#windows;
    return this.#masked(this.#windows.batch(index).inputs, batchSize, index * batchSize, 0);
  }

  /** All windows once, for evaluation: with the same masks each time. */
  *inOrder(maxWindows?: number): Generator<MaskedBatch> {
    let first = 0;
    for (const { inputs, batch } of this.#windows.inOrder(maxWindows)) {
      yield this.#masked(inputs, batch, first, 1);
      first += batch;
    }
  }

  /** @param stream tells training and evaluation apart */
  #masked(text: Int32Array, batch: number, first: number, stream: number): MaskedBatch {
    const { before, after } = this.#recipe;
    const width = this.#windows.sequenceLength;
    const length = this.sequenceLength;
    const perRow = predictedPerSequence(length);
    const inputs = new Int32Array(batch * length);
    const predicted = new Int32Array(batch * perRow);
    const targets = new Int32Array(batch * perRow).fill(-100);
    for (let row = 0; row < batch; row++) {
      const at = row * length;
      inputs.set(before, at);
      inputs.set(text.subarray(row * width, (row + 1) * width), at + before.length);
      inputs.set(after, at + before.length + width);
      const key = deriveKey(this.#seed, 'masking', stream, first + row);
      predicted.fill(at, row * perRow, (row + 1) * perRow);
      for (const [i, place] of this.#places(
        key,
        inputs.subarray(at + before.length, at + before.length + width),
        perRow,
      ).entries()) {
        const token = at + before.length + place;
        predicted[row * perRow + i] = token;
        targets[row * perRow + i] = inputs[token];
        inputs[token] = this.#hidden(key, place, inputs[token]);
      }
    }
    return { inputs, predicted, targets, batch, sequenceLength: length };
  }

  /** Places drawn without repetition among those of ordinary tokens, in order. */
  #places(key: readonly [number, number], row: Int32Array, count: number): readonly number[] {
    const ordinary = Array.from(row.keys()).filter((place) => !this.#recipe.specialIds.has(row[place]));
    const drawn = Math.min(count, ordinary.length);
    for (let i = 0; i < drawn; i++) {
      const other = i + Math.floor(uniform(threefry(key, i, 0)[0]) * (ordinary.length - i));
      [ordinary[i], ordinary[other]] = [ordinary[other], ordinary[i]];
    }
    return ordinary.slice(0, drawn).sort((a, b) => a - b);
  }

  /** What stands in the place of a token that is predicted. */
  #hidden(key: readonly [number, number], place: number, token: number): number {
    const { maskId, specialIds, vocabSize } = this.#recipe;
    const kind = uniform(threefry(key, place, 1)[0]);
    if (kind < maskedUpTo) return maskId;
    if (kind >= replacedUpTo) return token;
    for (let attempt = 2; ; attempt++) {
      const other = Math.floor(uniform(threefry(key, place, attempt)[0]) * vocabSize);
      if (!specialIds.has(other)) return other;
    }
  }
}

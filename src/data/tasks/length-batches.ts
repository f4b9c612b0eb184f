import { deriveKey, permutation } from '../../engine/threefry.js';
import type { EncodedText } from './encode-sequence.js';

/** A text with its class id or score. */
export interface Example extends EncodedText {
  readonly label: number;
}

/** Sequences of different lengths beside each other, padded to the longest of them. */
export interface LabelledBatch {
  /** [B·T], row-major. */
  readonly inputs: Int32Array;
  /** [B·T], segments. */
  readonly tokenTypeIds: Int32Array;
  /** [B], tokens of each row; what follows is padding. */
  readonly lengths: Int32Array;
  /** [B], class ids or scores. */
  readonly targets: Int32Array | Float32Array;
  /** B. */
  readonly batch: number;
  /** T, the longest row. */
  readonly sequenceLength: number;
}

export interface BatchShape {
  /** Examples of a batch; the last one of an epoch may have fewer. */
  readonly batchSize: number;
  readonly objective: 'classification' | 'regression';
  readonly padId: number;
}

/** Batches out of this many whose examples are sorted by length together: long enough to save padding, short enough to mix. */
const batchesPerBucket = 32;

/**
 * Batches of similar lengths, in another order each epoch. Numbered without end, and batch `index` is a pure function of
 * the seed and the index, so that a position in the data is one number: an epoch's examples are permuted, cut into
 * buckets, each bucket is sorted by length and cut into batches, and the batches are permuted.
 */
export class LengthBatches {
  readonly batchesPerEpoch: number;
  readonly #examples: readonly Example[];
  readonly #shape: BatchShape;
  readonly #seed: number;
  #epoch: { readonly number: number; readonly batches: readonly (readonly number[])[] } | undefined;

  constructor(examples: readonly Example[], options: BatchShape & { readonly seed: number }) {
    this.#examples = examples;
    this.#shape = options;
    this.#seed = options.seed;
    this.batchesPerEpoch = Math.ceil(examples.length / options.batchSize);
  }

  /** Batch number `index` = 0, 1, 2, ... of the endless stream. */
  batch(index: number): LabelledBatch {
    const number = Math.floor(index / this.batchesPerEpoch);
    // The last epoch's order is kept because it is asked for again and again; what comes out does not depend on it.
    if (this.#epoch?.number !== number) this.#epoch = { number, batches: this.#order(number) };
    const members = this.#epoch.batches[index % this.batchesPerEpoch];
    return padded(
      members.map((member) => this.#examples[member]),
      this.#shape,
    );
  }

  #order(epoch: number): readonly (readonly number[])[] {
    const { batchSize } = this.#shape;
    const shuffled = permutation(deriveKey(this.#seed, 'dataOrder', 0, epoch), this.#examples.length);
    const batches: number[][] = [];
    const bucketSize = batchSize * batchesPerBucket;
    for (let start = 0; start < shuffled.length; start += bucketSize) {
      const lengthOf = (example: number) => this.#examples[example].ids.length;
      // `sort` is stable, so that equal lengths stay in the permuted order.
      const bucket = Array.from(shuffled.subarray(start, start + bucketSize)).sort((a, b) => lengthOf(a) - lengthOf(b));
      for (let from = 0; from < bucket.length; from += batchSize) batches.push(bucket.slice(from, from + batchSize));
    }
    const order = permutation(deriveKey(this.#seed, 'dataOrder', 1, epoch), batches.length);
    return Array.from(order, (place) => batches[place]);
  }
}

/**
 * All examples once, in batches of similar lengths, with the places that the rows have in `examples`: for evaluation and
 * prediction.
 */
export function* batchesByLength(
  examples: readonly Example[],
  shape: BatchShape,
): Generator<{ readonly batch: LabelledBatch; readonly places: readonly number[] }> {
  const order = examples
    .map((_, place) => place)
    .sort((a, b) => examples[a].ids.length - examples[b].ids.length || a - b);
  for (let from = 0; from < order.length; from += shape.batchSize) {
    const places = order.slice(from, from + shape.batchSize);
    yield {
      places,
      batch: padded(
        places.map((place) => examples[place]),
        shape,
      ),
    };
  }
}

function padded(examples: readonly Example[], { objective, padId }: BatchShape): LabelledBatch {
  const batch = examples.length;
  const sequenceLength = Math.max(...examples.map(({ ids }) => ids.length));
  const inputs = new Int32Array(batch * sequenceLength).fill(padId);
  const tokenTypeIds = new Int32Array(batch * sequenceLength);
  for (const [row, { ids, typeIds }] of examples.entries()) {
    inputs.set(ids, row * sequenceLength);
    tokenTypeIds.set(typeIds, row * sequenceLength);
  }
  const labels = examples.map(({ label }) => label);
  return {
    inputs,
    tokenTypeIds,
    lengths: Int32Array.from(examples, ({ ids }) => ids.length),
    targets: objective === 'regression' ? Float32Array.from(labels) : Int32Array.from(labels),
    batch,
    sequenceLength,
  };
}

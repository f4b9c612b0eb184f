import { deriveKey, permutation } from '../../engine/threefry.js';

/** Something made of tokens that becomes a row of a batch. */
export interface Sequence {
  readonly ids: Int32Array;
}

export interface BatchOptions<S extends Sequence, B> {
  /** Sequences of a batch; the last one of an epoch may have fewer. */
  readonly batchSize: number;
  /** Makes a batch of rows. */
  readonly collate: (sequences: readonly S[]) => B;
}

/** Batches out of this many whose sequences are sorted by length together: long enough to save padding, short enough to mix. */
const batchesPerBucket = 32;

/**
 * Batches of similar lengths, in another order each epoch. Numbered without end, and batch `index` is a pure function of
 * the seed and the index, so that a position in the data is one number: an epoch's sequences are permuted, cut into
 * buckets, each bucket is sorted by length and cut into batches, and the batches are permuted.
 */
export class LengthBatches<S extends Sequence, B> {
  readonly batchesPerEpoch: number;
  readonly #sequences: readonly S[];
  readonly #options: BatchOptions<S, B> & { readonly seed: number };
  #epoch: { readonly number: number; readonly batches: readonly (readonly number[])[] } | undefined;

  constructor(sequences: readonly S[], options: BatchOptions<S, B> & { readonly seed: number }) {
    this.#sequences = sequences;
    this.#options = options;
    this.batchesPerEpoch = Math.ceil(sequences.length / options.batchSize);
  }

  /** Batch number `index` = 0, 1, 2, ... of the endless stream. */
  batch(index: number): B {
    const number = Math.floor(index / this.batchesPerEpoch);
    // The last epoch's order is kept because it is asked for again and again; what comes out does not depend on it.
    if (this.#epoch?.number !== number) this.#epoch = { number, batches: this.#order(number) };
    const members = this.#epoch.batches[index % this.batchesPerEpoch];
    return this.#options.collate(members.map((member) => this.#sequences[member]));
  }

  #order(epoch: number): readonly (readonly number[])[] {
    const { batchSize, seed } = this.#options;
    const shuffled = permutation(deriveKey(seed, 'dataOrder', 0, epoch), this.#sequences.length);
    const batches: number[][] = [];
    const bucketSize = batchSize * batchesPerBucket;
    for (let start = 0; start < shuffled.length; start += bucketSize) {
      const lengthOf = (sequence: number) => this.#sequences[sequence].ids.length;
      // `sort` is stable, so that equal lengths stay in the permuted order.
      const bucket = Array.from(shuffled.subarray(start, start + bucketSize)).sort((a, b) => lengthOf(a) - lengthOf(b));
      for (let from = 0; from < bucket.length; from += batchSize) batches.push(bucket.slice(from, from + batchSize));
    }
    const order = permutation(deriveKey(seed, 'dataOrder', 1, epoch), batches.length);
    return Array.from(order, (place) => batches[place]);
  }
}

/**
 * All sequences once, in batches of similar lengths, with the places that the rows have in `sequences`: for evaluation and
 * prediction.
 */
export function* batchesByLength<S extends Sequence, B>(
  sequences: readonly S[],
  { batchSize, collate }: BatchOptions<S, B>,
): Generator<{ readonly batch: B; readonly places: readonly number[] }> {
  const order = sequences
    .map((_, place) => place)
    .sort((a, b) => sequences[a].ids.length - sequences[b].ids.length || a - b);
  for (let from = 0; from < order.length; from += batchSize) {
    const places = order.slice(from, from + batchSize);
    yield { places, batch: collate(places.map((place) => sequences[place])) };
  }
}

/** A batch that no other of these sequences exceeds: the longest one in every row. */
export function largestBatch<S extends Sequence, B>(
  sequences: readonly S[],
  { batchSize, collate }: BatchOptions<S, B>,
): B {
  const longest = sequences.reduce((a, b) => (b.ids.length > a.ids.length ? b : a));
  return collate(Array.from({ length: Math.min(batchSize, sequences.length) }, () => longest));
}

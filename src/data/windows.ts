import { createHash } from 'node:crypto';
import { InputError } from '../engine/errors.js';
import { deriveKey, permutation } from '../engine/threefry.js';
import type { TokenSource } from './token-source.js';

/** B sequences of T tokens, and for each token the one that follows it. */
export interface Batch {
  /** [B·T], row-major. */
  readonly inputs: Int32Array;
  /** [B·T]; `targets[i]` is the token after `inputs[i]`. */
  readonly targets: Int32Array;
  /** B. */
  readonly batch: number;
  /** T. */
  readonly sequenceLength: number;
}

export interface WindowsOptions {
  /** T. */
  readonly sequenceLength: number;
  /** B. */
  readonly batchSize: number;
  /** Default: shuffled. */
  readonly order?: 'shuffled' | 'sequential';
  /** Default: 0. */
  readonly seed?: number;
  /** First window of the source to use, and how many; default: all. */
  readonly first?: number;
  readonly count?: number;
}

/**
 * Consecutive windows of T + 1 tokens with stride T, so that each token but the first is predicted once; a last partial
 * window is dropped.
 *
 * Batches are numbered without end, and batch `index` is a pure function of the seed and the index: to go on after a stop,
 * the index is all there is to know. Sequential: batch i holds windows i·B … i·B + B − 1, wrapping at the end. Shuffled:
 * the same over the permutations of epoch 0, 1, 2, ... laid end to end.
 */
export class Windows {
  /** Number of windows, at least 1. */
  readonly count: number;
  readonly sequenceLength: number;
  readonly batchSize: number;
  private readonly first: number;
  private readonly order: 'shuffled' | 'sequential';
  private readonly seed: number;
  private shuffled: { readonly epoch: number; readonly order: Uint32Array } | undefined;

  /** @throws InputError if the tokens do not fill one window */
  constructor(
    private readonly source: TokenSource,
    options: WindowsOptions,
  ) {
    const inSource = countWindows(source, options.sequenceLength);
    this.sequenceLength = options.sequenceLength;
    this.batchSize = options.batchSize;
    this.order = options.order ?? 'shuffled';
    this.seed = options.seed ?? 0;
    this.first = options.first ?? 0;
    this.count = options.count ?? inSource - this.first;
    if (this.first < 0 || this.count < 1 || this.first + this.count > inSource) {
      throw new RangeError(`windows ${this.first} to ${this.first + this.count - 1} of a source that has ${inSource}`);
    }
  }

  /** Names tokens, window length and range; order, seed and batch size are not in it. */
  get fingerprint(): string {
    const parts = [this.source.fingerprint, this.sequenceLength, this.first, this.count];
    return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
  }

  /** Batch number `index` = 0, 1, 2, ... of the endless stream. */
  batch(index: number): Batch {
    const from = index * this.batchSize;
    return this.gather(Array.from({ length: this.batchSize }, (_, row) => this.windowAt(from + row)));
  }

  /**
   * All windows once, from first to last, for evaluation; the last batch may be smaller.
   *
   * @param maxWindows stop after so many windows
   */
  *inOrder(maxWindows: number = this.count, batchSize: number = this.batchSize): Generator<Batch> {
    const count = Math.min(maxWindows, this.count);
    for (let from = 0; from < count; from += batchSize) {
      yield this.gather(Array.from({ length: Math.min(batchSize, count - from) }, (_, row) => from + row));
    }
  }

  /** The batch of these windows, numbered 0 … count − 1 in the order of the text. */
  gather(windows: readonly number[]): Batch {
    const length = this.sequenceLength;
    const inputs = new Int32Array(windows.length * length);
    const targets = new Int32Array(windows.length * length);
    for (const [row, window] of windows.entries()) {
      if (window < 0 || window >= this.count) throw new RangeError(`window ${window} of ${this.count}`);
      const ids = this.source.read((this.first + window) * length, length + 1);
      inputs.set(ids.subarray(0, length), row * length);
      targets.set(ids.subarray(1), row * length);
    }
    return { inputs, targets, batch: windows.length, sequenceLength: length };
  }

  /** Window at a place of the endless stream. */
  private windowAt(position: number): number {
    const within = position % this.count;
    if (this.order === 'sequential') return within;
    const epoch = Math.floor(position / this.count);
    // The last permutation is kept because it is asked for again and again; what comes out does not depend on it.
    if (this.shuffled?.epoch !== epoch) {
      this.shuffled = { epoch, order: permutation(deriveKey(this.seed, 'dataOrder', 0, epoch), this.count) };
    }
    return this.shuffled.order[within];
  }
}

/**
 * Windows for training, and the last `fraction` of all windows for validation (sequential; at least one window each).
 *
 * @param fraction between 0 and 1, both excluded
 * @throws InputError if there are fewer than two windows, or the fraction is out of range
 */
export function splitWindows(
  source: TokenSource,
  options: Omit<WindowsOptions, 'first' | 'count'>,
  fraction: number,
): { readonly train: Windows; readonly validation: Windows } {
  if (!(fraction > 0 && fraction < 1)) {
    throw new InputError(
      `a validation fraction of ${fraction} is not between 0 and 1`,
      'for example --val-fraction 0.05',
    );
  }
  const all = countWindows(source, options.sequenceLength);
  if (all < 2) {
    throw new InputError(
      `the data holds one window of ${options.sequenceLength} tokens, too few to hold some out`,
      'give more data, a shorter --seq, or a separate --val',
    );
  }
  const heldOut = Math.min(all - 1, Math.max(1, Math.round(all * fraction)));
  const first = all - heldOut;
  return {
    train: new Windows(source, { ...options, first: 0, count: first }),
    validation: new Windows(source, { ...options, order: 'sequential', first, count: heldOut }),
  };
}

function countWindows(source: TokenSource, sequenceLength: number): number {
  const count = Math.floor((source.length - 1) / sequenceLength);
  if (count >= 1) return count;
  throw new InputError(
    `the data holds ${source.length} tokens, one window of length ${sequenceLength} needs ${sequenceLength + 1}`,
    'give more data or a shorter --seq',
  );
}

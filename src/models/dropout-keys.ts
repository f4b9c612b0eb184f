import { deriveKey, type RandomKey } from '../engine/index.js';

/** Keys of the dropout masks of one forward pass, one per place in the order of the pass. */
export class DropoutKeys {
  readonly #seed: number;
  readonly #pass: number;
  #place = 0;

  /** @param pass number of the pass within the run: its micro-batch among all that were trained on */
  constructor(seed: number, pass: number) {
    this.#seed = seed;
    this.#pass = pass;
  }

  next(): RandomKey {
    return deriveKey(this.#seed, 'dropout', this.#place++, this.#pass);
  }
}

/** The next mask of a pass; undefined where nothing is dropped: in evaluation, or with probability 0. */
export function drawDropout(
  keys: DropoutKeys | undefined,
  probability: number,
): { readonly probability: number; readonly key: RandomKey } | undefined {
  return keys && probability > 0 ? { probability, key: keys.next() } : undefined;
}

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

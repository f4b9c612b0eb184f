import type { RunData } from '../training/data.js';

/** The batches of each seed, opened when they are first asked for. */
export class DataBySeed implements Disposable {
  readonly #opened = new Map<number, RunData>();
  readonly #open: (seed: number) => Promise<RunData>;

  constructor(open: (seed: number) => Promise<RunData>) {
    this.#open = open;
  }

  async of(seed: number): Promise<RunData> {
    const known = this.#opened.get(seed);
    if (known) return known;
    const data = await this.#open(seed);
    this.#opened.set(seed, data);
    return data;
  }

  [Symbol.dispose](): void {
    for (const data of this.#opened.values()) data[Symbol.dispose]();
  }
}

import type { Ledger } from '../engine/index.js';
import { blockOf } from '../keep/index.js';

/**
 * The account of a model of which blocks were left out, as it is for the whole: what a block that stands for several does to
 * the live bytes comes so many times, each from where the one before ended.
 */
export class UnfoldedAccount {
  readonly #ledger: Ledger;
  readonly #multiplicities: readonly number[];
  /** Live bytes of the whole model where the present stretch began, and of the folded one. */
  #whole: number;
  #folded: number;
  #wholeHost = 0;
  #foldedHost = 0;
  #peak: number;
  #hostPeak = 0;
  #block: number | undefined;

  /**
   * @param ledger of the folded model, in which only lives what lives as long as the run
   * @param multiplicities how many blocks of the whole model each block stands for
   */
  constructor(ledger: Ledger, multiplicities: readonly number[]) {
    this.#ledger = ledger;
    this.#multiplicities = multiplicities;
    this.#whole = 0;
    for (const { name, bytes } of ledger.liveByName()) this.#whole += bytes * this.#standsFor(blockOf(name));
    this.#folded = ledger.live;
    this.#peak = this.#whole;
    ledger.resetPeak();
  }

  /** How many blocks the present one stands for. */
  get multiplicity(): number {
    return this.#standsFor(this.#block);
  }

  /** The step comes to what this slot or parameter belongs to. */
  reach(name: string): void {
    const block = blockOf(name);
    if (block !== this.#block) this.moveOn(block);
  }

  /** The present stretch ends; what follows belongs to a block or to none. */
  moveOn(block?: number): void {
    const { live, peak } = this.#ledger;
    const host = this.#ledger.host;
    const { multiplicity } = this;
    const [change, hostChange] = [live - this.#folded, host - this.#foldedHost];
    const highest = this.#whole + Math.max(0, (multiplicity - 1) * change) + peak - this.#folded;
    this.#peak = Math.max(this.#peak, highest);
    this.#whole += multiplicity * change;
    this.#wholeHost += multiplicity * hostChange;
    this.#hostPeak = Math.max(this.#hostPeak, this.#wholeHost);
    [this.#folded, this.#foldedHost, this.#block] = [live, host, block];
    this.#ledger.resetPeak();
  }

  /** The whole model's account so far. */
  read(): { readonly live: number; readonly peak: number; readonly hostPeak: number } {
    this.moveOn(this.#block);
    return { live: this.#whole, peak: this.#peak, hostPeak: this.#hostPeak };
  }

  #standsFor(block: number | undefined): number {
    return block === undefined ? 1 : (this.#multiplicities[block] ?? 1);
  }
}

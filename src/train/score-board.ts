/** What an evaluation found. */
export interface Score {
  /** Completed optimizer steps. */
  readonly step: number;
  /** Mean loss per prediction, natural log; mean squared error of a regression. */
  readonly loss: number;
  /** Metrics by name. */
  readonly metrics: Readonly<Record<string, number>>;
}

/** The evaluations of a run: which was the best, and how long ago. */
export class ScoreBoard {
  readonly #metric: string;
  readonly #smallerIsBetter: boolean;
  readonly #scores: Score[] = [];
  #best: Score | undefined;
  #sinceBest = 0;

  /** @param earlier of sessions before this one, in order */
  constructor(metric: string, smallerIsBetter: boolean, earlier: readonly Score[] = []) {
    this.#metric = metric;
    this.#smallerIsBetter = smallerIsBetter;
    for (const score of earlier) this.add(score);
  }

  get scores(): readonly Score[] {
    return this.#scores;
  }

  get best(): Score | undefined {
    return this.#best;
  }

  /** Evaluations after the best one. */
  get sinceBest(): number {
    return this.#sinceBest;
  }

  valueOf({ metrics }: Score): number {
    const value = metrics[this.#metric];
    if (value === undefined) throw new RangeError(`no metric "${this.#metric}" was measured`);
    return value;
  }

  /** @returns whether it is the best so far; of equal ones the first is */
  add(score: Score): boolean {
    const value = this.valueOf(score);
    const isBest = this.#best === undefined || this.#isBetter(value, this.valueOf(this.#best));
    this.#scores.push(score);
    this.#sinceBest = isBest ? 0 : this.#sinceBest + 1;
    if (isBest) this.#best = score;
    return isBest;
  }

  #isBetter(value: number, than: number): boolean {
    return this.#smallerIsBetter ? value < than : value > than;
  }
}

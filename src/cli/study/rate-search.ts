/** One training: its peak learning rate and seed. */
export interface Trial {
  readonly lr: number;
  readonly seed: number;
}

/** What became of one; no loss where it ended in numbers that are none. */
export interface TrialOutcome extends Trial {
  readonly loss: number | undefined;
}

/**
 * The next training of a method: the first seed with every rate, beyond the grid's end once if the best lies there, then the
 * best rate with the other seeds. Undefined when all is done.
 *
 * @param rates ascending
 */
export function nextTrial(
  rates: readonly number[],
  seeds: readonly number[],
  done: readonly TrialOutcome[],
): Trial | undefined {
  const isDone = ({ lr, seed }: Trial) => done.some((other) => other.seed === seed && isSameRate(other.lr, lr));
  const search = rates.map((lr): Trial => ({ lr, seed: seeds[0] }));
  const open = search.find((trial) => !isDone(trial));
  if (open) return open;
  const found = bestRate(
    seeds[0],
    done.filter(({ lr }) => rates.some((rate) => isSameRate(rate, lr))),
  );
  const beyond = found !== undefined && rates.length > 1 ? rateBeyond(rates, found) : undefined;
  if (beyond !== undefined && !isDone({ lr: beyond, seed: seeds[0] })) return { lr: beyond, seed: seeds[0] };
  const best = bestRate(seeds[0], done);
  if (best === undefined) return undefined;
  return seeds.map((seed): Trial => ({ lr: best, seed })).find((trial) => !isDone(trial));
}

/** The rate with the lowest loss of this seed; undefined where none ended well. */
export function bestRate(seed: number, done: readonly TrialOutcome[]): number | undefined {
  let best: TrialOutcome | undefined;
  for (const trial of done) {
    if (trial.seed !== seed || trial.loss === undefined) continue;
    if (best?.loss === undefined || trial.loss < best.loss) best = trial;
  }
  return best?.lr;
}

/** The same distance beyond an end of the grid, where the best lies at that end. */
function rateBeyond(rates: readonly number[], best: number): number | undefined {
  const [first, second] = rates;
  const [last, beforeLast] = [rates[rates.length - 1], rates[rates.length - 2]];
  if (isSameRate(best, first)) return (first * first) / second;
  return isSameRate(best, last) ? (last * last) / beforeLast : undefined;
}

/** Rates pass through text and divisions. */
export function isSameRate(a: number, b: number): boolean {
  return Math.abs(a - b) <= 1e-9 * Math.max(a, b);
}

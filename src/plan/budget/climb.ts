import { bytesPerElement } from '../../engine/index.js';
import type { PricedStep, Pricer } from '../cost/price-step.js';
import type { PredictionRequest } from '../dry-run.js';
import type { MemoryPlan } from '../memory-plan.js';
import type { BlockPattern } from './block-patterns.js';
import { convexHull, paretoFront, pricePerByte } from './frontier.js';
import { heldBytes, makeLadder, planOf, type Rung } from './ladder.js';

/** A plan with what dry runs say of it. */
export interface PricedPlan extends PricedStep {
  readonly plan: MemoryPlan;
}

/** Ways to keep a block, found when they are first asked for. */
export interface Patterns {
  all(): Promise<readonly BlockPattern[]>;
  /** Bytes that a block holds which keeps everything. */
  most(): Promise<number>;
}

/**
 * Finds the fastest plan whose peak is within a budget, where only the way of keeping is free.
 *
 * The peak is a maximum over a timeline, and each choice moves it in its own way; so bytes held only guide the search along
 * the ladder, and a dry run of the whole step decides. About ten of them are enough.
 */
export class Climb {
  readonly #request: PredictionRequest;
  readonly #pricer: Pricer;
  readonly #patterns: Patterns;
  readonly #fastest: () => Promise<PricedPlan>;
  readonly #inputBytes: number;
  readonly #seen = new Map<Rung, Promise<PricedPlan>>();
  #ladder: readonly Rung[] | undefined;

  /**
   * @param request with a plan whose blocks keep everything
   * @param fastest that plan's price
   * @param inputBytes what a block's input takes, where it is kept in memory
   */
  constructor(
    request: PredictionRequest,
    pricer: Pricer,
    patterns: Patterns,
    fastest: () => Promise<PricedPlan>,
    inputBytes: number,
  ) {
    this.#fastest = fastest;
    this.#inputBytes = inputBytes;
    this.#request = request;
    this.#pricer = pricer;
    this.#patterns = patterns;
  }

  /** The plan that recomputes least. */
  fastest(): Promise<PricedPlan> {
    return this.#fastest();
  }

  /**
   * What a plan within the budget takes at least, if no byte saved costs less than in the patterns: the peak falls by no more
   * than what is not held. Infinite where no plan fits.
   */
  async bound(budget: number): Promise<number> {
    if ((await this.floor()) > budget) return Number.POSITIVE_INFINITY;
    const { peak, seconds } = await this.fastest();
    const { config, accumulate } = this.#request;
    const hull = convexHull(await this.#patterns.all());
    let missing = (peak - budget) / config.numHiddenLayers;
    let extra = 0;
    for (const [index, smaller] of hull.slice(1).entries()) {
      const faster = hull[index];
      const saved = Math.min(Math.max(missing, 0), faster.bytes - smaller.bytes);
      extra += saved * pricePerByte(faster, smaller);
      missing -= saved;
    }
    return seconds + extra * config.numHiddenLayers * accumulate;
  }

  /** The plan of the smallest way of keeping in all blocks. */
  async leastHeld(): Promise<PricedPlan> {
    const { simple } = await this.#rungs();
    return this.#price(simple[simple.length - 1]);
  }

  /** No plan of this climb takes less memory: whatever blocks hold is gone, and what that costs elsewhere is forgotten. */
  async floor(): Promise<number> {
    const held = this.#request.config.numHiddenLayers * ((await this.#patterns.most()) + this.#inputBytes);
    return (await this.fastest()).peak - held;
  }

  /** The plan that takes least, whatever its time. */
  async smallest(): Promise<PricedPlan> {
    const { simple } = await this.#rungs();
    let best = await this.leastHeld();
    for (const rung of simple.filter(isUniform)) {
      const priced = await this.#price(rung);
      if (priced.peak < best.peak) best = priced;
    }
    for await (const priced of this.#dropping()) if (priced.peak < best.peak) best = priced;
    return best;
  }

  /** The fastest plan within the budget; undefined where there is none. */
  async find(budget: number): Promise<PricedPlan | undefined> {
    const { simple } = await this.#rungs();
    const index = await this.#lowestFitting(simple, budget);
    if (index !== undefined) return this.#refine(simple, index, budget);
    for await (const priced of this.#dropping(budget)) if (priced.peak <= budget) return priced;
    return undefined;
  }

  /**
   * Plans that drop more and more block inputs, each slower than the one before. Forward holds less and less, but backward holds
   * what is made again of all blocks between two inputs: once a peak is not lower than the one before, none is after it.
   *
   * @param budget plans that cannot fit it are left out
   */
  async *#dropping(budget = Number.POSITIVE_INFINITY): AsyncGenerator<PricedPlan> {
    const { dropping } = await this.#rungs();
    let { peak } = await this.leastHeld();
    for (const rung of dropping) {
      if ((await this.#floorOf(rung)) > budget) continue;
      const priced = await this.#price(rung);
      if (priced.peak >= peak) return;
      peak = priced.peak;
      yield priced;
    }
  }

  /** Rungs that keep every block's input, in order; and those that drop some. */
  async #rungs() {
    this.#ladder ??= makeLadder(convexHull(await this.#patterns.all()), this.#request.config.numHiddenLayers);
    const simple = this.#ladder.filter(({ every }) => every === 1);
    return { simple, dropping: this.#ladder.slice(simple.length) };
  }

  /**
   * No less does a rung take: what its blocks do not hold is gone from the peak of the fastest plan, dropped inputs from that of
   * the smallest way of keeping, and what making them again takes is forgotten.
   */
  async #floorOf(rung: Rung): Promise<number> {
    const { every, blocks } = rung;
    if (every > 1) {
      const dropped = blocks.length - Math.ceil(blocks.length / every);
      return (await this.leastHeld()).peak - dropped * droppedBytes(this.#request);
    }
    const gone = blocks.length * (await this.#patterns.most()) - heldBytes(rung);
    return (await this.fastest()).peak - gone;
  }

  #price(rung: Rung): Promise<PricedPlan> {
    const known = this.#seen.get(rung);
    if (known) return known;
    const plan = planOf(this.#request.plan, rung);
    if (plan.slots.length === this.#request.plan.slots.length) return this.#fastest();
    const priced = this.#pricer.price({ ...this.#request, plan }).then((price) => ({ plan, ...price }));
    this.#seen.set(rung, priced);
    return priced;
  }

  /** The first rung that fits; between one that does not and one that does, bytes held say where to look next. */
  async #lowestFitting(rungs: readonly Rung[], budget: number): Promise<number | undefined> {
    const fits = async (index: number) =>
      (await this.#floorOf(rungs[index])) <= budget && (await this.#price(rungs[index])).peak <= budget;
    if (await fits(0)) return 0;
    let below = 0;
    let fitting = rungs.length - 1;
    // What is recomputed has to lie somewhere, too: the smallest way of keeping need not have the smallest peak.
    while (!(await fits(fitting))) {
      fitting = rungs.findLastIndex((rung, index) => index < fitting && isUniform(rung));
      if (fitting <= 0) return undefined;
    }
    for (let guided = true; fitting - below > 1; guided = !guided) {
      const wanted = heldBytes(rungs[below]) - ((await this.#price(rungs[below])).peak - budget);
      const guess = rungs.findIndex((rung, index) => index > below && heldBytes(rung) <= wanted);
      const middle = (below + fitting) >> 1;
      // Every other step halves the rest, so that a bad guide costs no more than twice the steps.
      const next = guided ? Math.min(Math.max(guess < 0 ? middle : guess, below + 1), fitting - 1) : middle;
      if (await fits(next)) fitting = next;
      else below = next;
    }
    return fitting;
  }

  /** The block that went over last may do with less: a way between its two, which mixing whole blocks does not reach. */
  async #refine(rungs: readonly Rung[], index: number, budget: number): Promise<PricedPlan> {
    const found = await this.#price(rungs[index]);
    if (index === 0) return found;
    const [rung, before] = [rungs[index], rungs[index - 1]];
    const block = rung.blocks.findIndex((pattern, at) => pattern !== before.blocks[at]);
    const missing = (await this.#price(before)).peak - budget;
    const [from, to] = [before.blocks[block], rung.blocks[block]];
    const between = (await this.#patterns.all()).filter(
      ({ bytes, seconds }) => seconds < to.seconds && bytes <= from.bytes - missing && bytes < from.bytes,
    );
    for (const pattern of paretoFront(between).slice(0, 3)) {
      const refined = await this.#price({ ...before, blocks: before.blocks.with(block, pattern) });
      if (refined.peak <= budget && refined.seconds < found.seconds) return refined;
    }
    return found;
  }
}

/** A block's input with the mean and the deviation of each token. */
function droppedBytes(request: PredictionRequest): number {
  return inputBytes(request) + 2 * bytesPerElement.f32 * request.batch * request.sequenceLength;
}

/** What a block's input takes, where it is kept in memory. */
export function inputBytes({ batch, sequenceLength, config, plan }: PredictionRequest): number {
  return batch * sequenceLength * config.hiddenSize * bytesPerElement[plan.precision.dtype];
}

/** Whether all blocks keep the same. */
function isUniform({ blocks }: Rung): boolean {
  return blocks.every((pattern) => pattern === blocks[0]);
}

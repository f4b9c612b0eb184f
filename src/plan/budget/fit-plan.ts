import { InputError } from '../../engine/index.js';
import { Pricer } from '../cost/price-step.js';
import type { KernelRates } from '../cost/rates.js';
import type { PredictionRequest } from '../dry-run.js';
import type { MemoryPlan } from '../memory-plan.js';
import { type Prediction, predict } from '../predict.js';
import { BlockExplorer, type BlockPattern } from './block-patterns.js';
import { Climb, inputBytes, type PricedPlan } from './climb.js';
import {
  type Allowance,
  allowances,
  keepingEverything,
  type Leave,
  leavesOf,
  lossChunksFor,
  updatesOf,
  variantsOf,
  withInputsAway,
} from './variants.js';

export interface FitOptions {
  /** Bytes that neither the ledger's peak nor the arena may pass. */
  readonly budget: number;
  readonly rates: KernelRates;
  /** Empty: exact gradients only. */
  readonly allow: ReadonlySet<Allowance>;
}

/** The cheapest plan within a budget, and the request it is for: allowed splits change its batch. */
export interface FittedPlan {
  readonly request: PredictionRequest;
  readonly prediction: Prediction;
  /** Predicted time of an optimizer step. */
  readonly seconds: number;
  /** The same for the plan that recomputes nothing. */
  readonly fastestSeconds: number;
}

/** How often the arena, which has gaps, may ask for a plan that leaves more room. */
const attempts = 4;

/**
 * The plan with the least predicted time that fits the budget. Free are: how each value of each block is kept, the rows of
 * the loss, whether updates are fused, and what is allowed besides. What is approximate is used only where an exact plan
 * would recompute so much that a step takes over 2 % longer; codes of fewer bits only where those of more do not help.
 *
 * @param request with a plan that gives sketches and optimizer; its slots are chosen anew
 * @throws InputError with the smallest budget that would do, if this one is too small
 */
export async function fitPlan(request: PredictionRequest, options: FitOptions): Promise<FittedPlan> {
  const pricer = new Pricer(options.rates);
  const tiers = preparePaths(request, options.allow, pricer);
  const fastestSeconds = (await tiers[0][0].paths[0].climb.fastest()).seconds;
  let best: Finished | undefined;
  const near = new Set([tiers[0], tiers[tiers.length - 1]]);
  for (const tier of tiers) {
    // Whether anything fits is sooner known than what is best of it.
    if (!best && !(await mayFit(tier, options.budget))) continue;
    const found = await fitAmong(tier, options.budget, pricer);
    if (!found) near.add(tier);
    if (found && (!best || found.seconds * exactTolerance < best.seconds)) best = found;
    if (best && best.seconds <= exactTolerance * fastestSeconds) break;
  }
  best ??= await leastOf([...near]);
  if (best.prediction.arenaBytes <= options.budget) return { ...best, fastestSeconds };
  throw tooSmall(best.prediction.arenaBytes, options);
}

/** The smallest plan of these tiers: a coarser one need not be smaller, since restoring takes room too. */
async function leastOf(tiers: readonly (readonly Chain[])[]): Promise<Finished> {
  const least: Finished[] = [];
  for (const tier of tiers) least.push(await finish(await smallest(tier)));
  return least.reduce((a, b) => (b.prediction.arenaBytes < a.prediction.arenaBytes ? b : a));
}

/** How much longer than without recomputing a plan may take before coarser ones are looked at, or than a coarser one. */
const exactTolerance = 1.02;

type Finished = Omit<FittedPlan, 'fastestSeconds'>;

/** The cheapest plan of these paths whose arena fits too, if there is one. */
async function fitAmong(chains: readonly Chain[], budget: number, pricer: Pricer): Promise<Finished | undefined> {
  let target = budget;
  for (let attempt = 0; attempt < attempts; attempt++) {
    const best = await cheapest(chains, target);
    if (!best) return undefined;
    const one = await finish(await widenLoss(best, target, pricer));
    const excess = one.prediction.arenaBytes - budget;
    if (excess <= 0) return one;
    // Below this plan's own peak, else it would be found again.
    target = Math.min(target, one.prediction.memory.peak) - excess;
  }
  return undefined;
}

async function finish({ path, priced }: Candidate): Promise<Finished> {
  const methods = [...priced.plan.methods.filter((name) => name !== 'lean'), 'fitted'];
  const request = { ...path.request, plan: { ...priced.plan, methods } };
  return { request, prediction: await predict(request), seconds: priced.seconds };
}

/** A search over ways of keeping, with everything else fixed. */
interface Path {
  readonly request: PredictionRequest;
  readonly climb: Climb;
  /** Another path does the same with less memory: of this one only the plan that recomputes nothing is of interest. */
  readonly fastestOnly: boolean;
}

/** Paths that differ in the micro-batches alone, from few to many: each holds less than the one before, and is no faster. */
interface Chain {
  readonly paths: Path[];
  /** Another chain does the same with more memory, and is no slower: this one is of interest where that does not fit. */
  readonly after: Chain | undefined;
}

interface Candidate {
  readonly path: Path;
  readonly priced: PricedPlan;
}

/** Paths by tier, from what changes least: exact ones, then approximate ones, the coarsest last. */
function preparePaths(
  request: PredictionRequest,
  allow: ReadonlySet<Allowance>,
  pricer: Pricer,
): readonly (readonly Chain[])[] {
  const variants = variantsOf(request, allow);
  const fastest = new Memo<PricedPlan>();
  const explorers = new Map<string, BlockExplorer>();
  const explorerOf = (whole: PredictionRequest): BlockExplorer => {
    const key = JSON.stringify([whole.plan.slots, whole.plan.sketches]);
    const explorer = explorers.get(key) ?? new BlockExplorer(whole, pricer);
    explorers.set(key, explorer);
    return explorer;
  };
  const chainsOf = (chosen: readonly PredictionRequest[], leaves: readonly Leave[]): readonly Chain[] => {
    const chains = new Map<string, Chain>();
    for (const variant of chosen) {
      const { plan, accumulate } = variant;
      const kept = keepingEverything(plan);
      const own = variants.findIndex((one) => one.plan === plan);
      const updates = updatesOf(variant);
      for (const { forms, inputsAway } of leaves) {
        const base = inputsAway ? withInputsAway(kept, request.config.numHiddenLayers) : kept;
        // Blocks hold and take so many times less of a smaller batch: one search serves all.
        const parts = accumulate / request.accumulate;
        // Inputs are the same for all patterns, but that they may share the slower tier with what is offloaded.
        const explorer = explorerOf({ ...request, plan: forms.includes('offload') ? base : kept });
        const patterns = {
          all: async () => (await explorer.patterns(forms)).map(part(parts)),
          most: async () => (await explorer.most()) / parts,
        };
        const chunks = lossChunksFor({ ...variant, plan: base });
        for (const [place, chunk] of chunks.entries()) {
          for (const update of updates) {
            const keyOf = (rows: number, when: MemoryPlan['update']) => `${own} ${inputsAway} ${rows} ${when}`;
            const key = keyOf(chunk, update);
            // Fewer rows of the loss read its weights more often; a fused update frees gradients earlier.
            const before = place > 0 ? keyOf(chunks[place - 1], update) : keyOf(chunk, updates[0]);
            const changed = { ...variant, plan: { ...base, loss: { form: 'fused' as const, chunk }, update } };
            const price = () =>
              fastest.of(`${key} ${parts}`, async () => ({
                plan: changed.plan,
                ...(await pricer.price(changed)),
              }));
            const climb = new Climb(changed, pricer, patterns, price, inputsAway ? 0 : inputBytes(changed));
            const chain = chains.get(`${key} ${forms}`) ?? { paths: [], after: chains.get(`${before} ${forms}`) };
            chain.paths.push({ request: changed, climb, fastestOnly: updates.length > 1 && update === 'after' });
            chains.set(`${key} ${forms}`, chain);
          }
        }
      }
    }
    return [...chains.values()];
  };
  const exact = variants.filter(({ plan }) => plan === request.plan);
  const others = variants.filter(({ plan }) => plan !== request.plan);
  const [unrounded, ...rounded] = leavesOf(allow);
  const tiers = [
    chainsOf(exact, unrounded),
    rounded[0] ? chainsOf(variants, rounded[0]) : chainsOf(others, unrounded),
    ...rounded.slice(1).map((leaves) => chainsOf(variants, leaves)),
  ];
  return tiers.filter((chains) => chains.length > 0);
}

/** The pattern as it is for so many times fewer tokens. */
function part(parts: number): (pattern: BlockPattern) => BlockPattern {
  return (pattern) => ({ ...pattern, bytes: pattern.bytes / parts, seconds: pattern.seconds / parts });
}

/** Values that are made once for each name. */
class Memo<T> {
  readonly #made = new Map<string, Promise<T>>();

  of(name: string, make: () => Promise<T>): Promise<T> {
    const known = this.#made.get(name) ?? make();
    this.#made.set(name, known);
    return known;
  }
}

/** A path on the way to its best plan within a budget. */
interface Open {
  readonly chain: Chain;
  readonly place: number;
  /** No plan of this path, or of those behind it, takes less. */
  readonly bound: number;
  /** Whether it is known what it takes without recomputing, and that this does not fit. */
  readonly started: boolean;
  readonly found?: Candidate;
}

/** The cheapest plan of these paths: what may be best is looked at first, until nothing that is left can be better. */
async function cheapest(chains: readonly Chain[], budget: number): Promise<Candidate | undefined> {
  const opened = (after: Chain | undefined, bound: number): readonly Open[] =>
    chains.filter((chain) => chain.after === after).map((chain) => ({ chain, place: 0, bound, started: false }));
  const open = [...opened(undefined, 0)];
  while (open.length > 0) {
    const [{ chain, place, started, found }] = open.splice(leastBound(open), 1);
    if (found) return found;
    const path = chain.paths[place];
    const { climb } = path;
    if (started) {
      const priced = await climb.find(budget);
      if (priced) open.push({ chain, place, bound: priced.seconds, started, found: { path, priced } });
      continue;
    }
    const priced = await climb.fastest();
    const { seconds } = priced;
    if (priced.peak <= budget) {
      open.push({ chain, place, bound: seconds, started, found: { path, priced } });
      continue;
    }
    const bound = path.fastestOnly ? Number.POSITIVE_INFINITY : await climb.bound(budget);
    if (bound < Number.POSITIVE_INFINITY) open.push({ chain, place, bound, started: true });
    if (place + 1 < chain.paths.length) open.push({ chain, place: place + 1, bound: seconds, started: false });
    if (place === 0) open.push(...opened(chain, seconds));
  }
  return undefined;
}

/** The first whose bound is the least, by more than the rounding of sums in another order; of equals one that is done. */
function leastBound(open: readonly Open[]): number {
  let least = 0;
  for (const [index, { bound, found }] of open.entries()) {
    const best = open[least];
    if (bound < best.bound * (1 - 1e-9)) least = index;
    else if (found && !best.found && bound <= best.bound * (1 + 1e-9)) least = index;
  }
  return least;
}

/** Whether any plan of these paths fits; paths that hold less than others speak for them. */
async function mayFit(chains: readonly Chain[], budget: number): Promise<boolean> {
  for (const { climb } of smallestPaths(chains)) if ((await climb.fastest()).peak <= budget) return true;
  for (const { climb } of smallestPaths(chains))
    if ((await climb.floor()) <= budget) return (await smallest(chains)).priced.peak <= budget;
  return false;
}

/** The plan that takes least, in micro-batches as small as they may be. */
async function smallest(chains: readonly Chain[]): Promise<Candidate> {
  const last: { readonly path: Path; readonly peak: number }[] = [];
  for (const path of smallestPaths(chains)) last.push({ path, peak: (await path.climb.leastHeld()).peak });
  const [{ path }] = last.toSorted((a, b) => a.peak - b.peak);
  return { path, priced: await path.climb.smallest() };
}

function smallestPaths(chains: readonly Chain[]): readonly Path[] {
  const last = chains.filter((one) => !chains.some(({ after }) => after === one));
  return last.map(({ paths }) => paths[paths.length - 1]);
}

/** More rows of logits at a time make matrix products faster, where there is room for them. */
async function widenLoss(best: Candidate, budget: number, pricer: Pricer): Promise<Candidate> {
  const { plan } = best.priced;
  const { batch, sequenceLength } = best.path.request;
  for (const chunk of [4096, 2048, 1024, 512]) {
    if (plan.loss.form === 'full' || chunk <= plan.loss.chunk || chunk > batch * sequenceLength) continue;
    const wider = { ...plan, loss: { form: 'fused' as const, chunk } };
    const priced = await pricer.price({ ...best.path.request, plan: wider });
    if (priced.peak <= budget && priced.seconds < best.priced.seconds)
      return { ...best, priced: { plan: wider, ...priced } };
  }
  return best;
}

function tooSmall(least: number, { budget, allow }: FitOptions): InputError {
  // Rounded up, so that what is said to be enough is enough.
  const [unit, size] = least < 2 ** 25 ? ['KiB', 2 ** 10] : ['MiB', 2 ** 20];
  const wanted = Math.ceil(least / size);
  const wider = allow.size === 0 ? `, or allow more: --allow ${allowances.join(',')}` : '';
  return new InputError(
    `no plan fits ${Math.floor(budget / size)} ${unit}: the smallest possible takes ${wanted} ${unit}`,
    `raise --memory to ${wanted}${unit}, lower --batch or --seq${wider}`,
  );
}

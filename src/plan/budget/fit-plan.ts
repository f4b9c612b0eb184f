import { InputError } from '../../engine/index.js';
import { priceStep } from '../cost/price-step.js';
import type { KernelRates } from '../cost/rates.js';
import type { PredictionRequest } from '../dry-run.js';
import { type Prediction, predict } from '../predict.js';
import { blockPatterns } from './block-patterns.js';
import { Climb, type PricedPlan } from './climb.js';
import {
  type Allowance,
  allowances,
  keepingEverything,
  lossChunksFor,
  lossyForms,
  updatesOf,
  variantsOf,
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
 * would recompute so much that a step takes over 2 % longer.
 *
 * @param request with a plan that gives sketches and optimizer; its slots are chosen anew
 * @throws InputError with the smallest budget that would do, if this one is too small
 */
export async function fitPlan(request: PredictionRequest, options: FitOptions): Promise<FittedPlan> {
  const paths = preparePaths(request, options);
  const fastestSeconds = (await paths[0].climb.fastest()).seconds;
  const [exactPaths, otherPaths] = [paths.filter((path) => path.exact), paths.filter((path) => !path.exact)];
  const exact = await fitAmong(exactPaths, options);
  if (exact && exact.seconds <= exactTolerance * fastestSeconds) return { ...exact, fastestSeconds };
  const other = otherPaths.length > 0 ? await fitAmong(otherPaths, options) : undefined;
  const best = exact && other && exact.seconds <= other.seconds ? exact : (other ?? exact);
  if (best) return { ...best, fastestSeconds };
  throw tooSmall((await finish(await smallest(paths))).prediction.arenaBytes, options);
}

/** How much longer than without recomputing an exact plan may take before approximate ones are looked at. */
const exactTolerance = 1.02;

type Finished = Omit<FittedPlan, 'fastestSeconds'>;

/** The cheapest plan of these paths whose arena fits too, if there is one. */
async function fitAmong(paths: readonly Path[], options: FitOptions): Promise<Finished | undefined> {
  let target = options.budget;
  for (let attempt = 0; attempt < attempts; attempt++) {
    const best = await cheapest(paths, target);
    if (!best) break;
    const one = await finish(await widenLoss(best, target, options.rates));
    const excess = one.prediction.arenaBytes - options.budget;
    if (excess <= 0) return one;
    target -= excess;
  }
  const least = await finish(await smallest(paths));
  return least.prediction.arenaBytes <= options.budget ? least : undefined;
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
  readonly exact: boolean;
  /** Another path does the same with less memory: of this one only the plan that recomputes nothing is of interest. */
  readonly fastestOnly: boolean;
}

interface Candidate {
  readonly path: Path;
  readonly priced: PricedPlan;
}

/** Paths from what changes least. */
function preparePaths(request: PredictionRequest, { rates, allow }: FitOptions): readonly Path[] {
  const paths: Path[] = [];
  for (const variant of variantsOf(request, allow)) {
    const base = { ...variant, plan: keepingEverything(variant.plan) };
    const updates = updatesOf(base);
    for (const forms of lossyForms(allow)) {
      const patterns = once(() => blockPatterns(base, rates, forms));
      for (const chunk of lossChunksFor(base)) {
        for (const update of updates) {
          const chosen = { ...base, plan: { ...base.plan, loss: { form: 'fused' as const, chunk }, update } };
          paths.push({
            request: chosen,
            climb: new Climb(chosen, rates, patterns),
            exact: variant.plan === request.plan && forms.length === 0,
            fastestOnly: updates.length > 1 && update === 'after',
          });
        }
      }
    }
  }
  return paths;
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** The cheapest plan of these paths. What a path takes without recomputing bounds it from below. */
async function cheapest(paths: readonly Path[], budget: number): Promise<Candidate | undefined> {
  const starts: Candidate[] = [];
  for (const path of paths) starts.push({ path, priced: await path.climb.fastest() });
  let best: Candidate | undefined;
  const offer = (one: Candidate) => {
    if (!best || isFaster(one, best)) best = one;
  };
  for (const start of starts) if (start.priced.peak <= budget) offer(start);
  for (const { path, priced } of starts.toSorted((a, b) => a.priced.seconds - b.priced.seconds)) {
    if (best && !isFaster({ path, priced }, best)) break;
    const found = path.fastestOnly ? undefined : await path.climb.find(budget);
    if (found) offer({ path, priced: found });
  }
  return best;
}

/** By more than the rounding of sums in another order. */
function isFaster(a: Candidate, b: Candidate): boolean {
  return a.priced.seconds < b.priced.seconds * (1 - 1e-9);
}

async function smallest(paths: readonly Path[]): Promise<Candidate> {
  const all: Candidate[] = [];
  for (const path of paths) if (!path.fastestOnly) all.push({ path, priced: await path.climb.smallest() });
  return all.toSorted((a, b) => a.priced.peak - b.priced.peak)[0];
}

/** More rows of logits at a time make matrix products faster, where there is room for them. */
async function widenLoss(best: Candidate, budget: number, rates: KernelRates): Promise<Candidate> {
  const { plan } = best.priced;
  const { batch, sequenceLength } = best.path.request;
  for (const chunk of [4096, 2048, 1024, 512]) {
    if (plan.loss.form === 'full' || chunk <= plan.loss.chunk || chunk > batch * sequenceLength) continue;
    const wider = { ...plan, loss: { form: 'fused' as const, chunk } };
    const priced = await priceStep({ ...best.path.request, plan: wider }, rates);
    if (priced.peak <= budget && priced.seconds < best.priced.seconds)
      return { ...best, priced: { plan: wider, ...priced } };
  }
  return best;
}

function tooSmall(least: number, { budget, allow }: FitOptions): InputError {
  // Rounded up, so that what is said to be enough is enough.
  const [unit, size] = least < 2 ** 25 ? ['KiB', 2 ** 10] : ['MiB', 2 ** 20];
  const wanted = Math.ceil(least / size);
  const wider = allow.size === 0 ? `, or allow approximations: --allow ${allowances.join(',')}` : '';
  return new InputError(
    `no plan fits ${Math.floor(budget / size)} ${unit}: the smallest possible takes ${wanted} ${unit}`,
    `raise --memory to ${wanted}${unit}, lower --batch or --seq${wider}`,
  );
}

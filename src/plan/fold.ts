import type { PredictionRequest } from './dry-run.js';
import type { MemoryPlan } from './memory-plan.js';

/** A request with fewer blocks, and how many blocks of the whole model each of them stands for. */
export interface FoldedRequest {
  readonly request: PredictionRequest;
  /** By number of the block in the folded model. */
  readonly multiplicities: readonly number[];
}

/** Numbers of blocks in patterns of slots and weights: one, or a range. */
const blockNumbers = /\blayers\.(?:(\d+)|\{(\d+)-(\d+)\})(?=\.)/g;

/**
 * Leaves out blocks that are as those beside them. Where the plan says the same of consecutive blocks, a step does the same in
 * each: memory rises or falls by the same bytes, and the same ops run. Of each such run the first and the last blocks stay,
 * which see others beside them, and one of those between.
 *
 * @returns undefined where that would leave out nothing, or where not all of a step goes block by block
 */
export function foldBlocks(request: PredictionRequest): FoldedRequest | undefined {
  const { plan, config } = request;
  const layers = config.numHiddenLayers;
  if (!goesByBlock(plan)) return undefined;
  const groups = groupsOf(plan, layers);
  if (!groups) return undefined;
  // Transfers to the slower tier are two blocks ahead or behind.
  const margin = plan.slots.some(({ form }) => form === 'offload' || form === 'offload-part') ? 3 : 1;
  const multiplicities: number[] = [];
  const placeOf = new Map<number, number>();
  for (const { first, count } of groups) {
    placeOf.set(first, multiplicities.length);
    const between = count - 2 * margin;
    if (between > 1) multiplicities.push(...ones(margin), between, ...ones(margin));
    else multiplicities.push(...ones(count));
  }
  placeOf.set(layers, multiplicities.length);
  if (multiplicities.length === layers) return undefined;
  const folded = renumber(plan, (block) => placeOf.get(block) ?? 0);
  const small = { ...config, numHiddenLayers: multiplicities.length };
  return { request: { ...request, config: small, plan: folded }, multiplicities };
}

/** Blocks in turns take steps of their own; stored projections are made for all blocks together; frozen blocks keep nothing. */
function goesByBlock({ blockCoordinate, sketches, frozen }: MemoryPlan): boolean {
  const stored = sketches && (sketches.basis !== 'random' || sketches.projection === 'orthonormal');
  return blockCoordinate === null && !stored && frozen.length === 0;
}

interface Group {
  readonly first: number;
  readonly count: number;
}

/** Runs of blocks that no pattern tells apart; undefined where a pattern may do so in a way of its own. */
function groupsOf(plan: MemoryPlan, layers: number): readonly Group[] | undefined {
  const borders = new Set([0]);
  for (const pattern of patternsOf(plan)) {
    if (/\d/.test(pattern.replace(blockNumbers, ''))) return undefined;
    for (const [, one, first = one, last = one] of pattern.matchAll(blockNumbers)) {
      borders.add(Number(first)).add(Number(last) + 1);
    }
  }
  const ascending = [...borders].filter((border) => border < layers).sort((a, b) => a - b);
  return ascending.map((first, index) => ({ first, count: (ascending[index + 1] ?? layers) - first }));
}

function patternsOf(plan: MemoryPlan): readonly string[] {
  const { slots, optimizer, updateScales, sketches, subtokens } = plan;
  const rules = [...slots, ...optimizer, ...updateScales].map(({ match }) => match);
  return [...rules, ...(sketches?.weights ?? []), ...(subtokens?.weights ?? [])];
}

function renumber(plan: MemoryPlan, placeOf: (block: number) => number): MemoryPlan {
  const changed = (pattern: string) =>
    pattern.replace(blockNumbers, (_, one, first = one, last = one) => {
      const [from, end] = [placeOf(Number(first)), placeOf(Number(last) + 1)];
      return `layers.{${from}-${end - 1}}`;
    });
  const changedRules = <R extends { readonly match: string }>(rules: readonly R[]) =>
    rules.map((rule) => ({ ...rule, match: changed(rule.match) }));
  const { sketches, subtokens } = plan;
  return {
    ...plan,
    slots: changedRules(plan.slots),
    optimizer: changedRules(plan.optimizer),
    updateScales: changedRules(plan.updateScales),
    sketches: sketches && { ...sketches, weights: sketches.weights.map(changed) },
    subtokens: subtokens && { ...subtokens, weights: subtokens.weights.map(changed) },
  };
}

function ones(count: number): readonly number[] {
  return Array.from({ length: count }, () => 1);
}

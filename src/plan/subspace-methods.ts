import { InputError } from '../engine/index.js';
import type { RankSpec } from '../keep/index.js';
import type { DirectionSpec, UpdateSpec } from '../optim/index.js';
import { blockMatrices } from './block-scales.js';
import type { MemoryPlan, OptimizerRule } from './memory-plan.js';
import { lastMatch } from './pattern.js';

/** Methods that project the exact gradient for the sake of the optimizer state. */
export const subspaceMethods = {
  galore: 'GaLore: moments in the leading singular vectors of each exact gradient of the blocks, renewed every T steps',
  apollo: 'APOLLO: Adam in a random subspace of each exact gradient says how much to scale its channels',
  'apollo-mini': 'APOLLO-Mini: the same with rank 1 and one factor per matrix; nearly the state of SGD',
} as const satisfies Record<string, string>;

export type SubspaceMethod = keyof typeof subspaceMethods;

/** What the options say about the subspace; undefined means the method's own default. */
export interface SubspaceOptions {
  readonly rank?: RankSpec;
  readonly updateGap?: number | null;
  readonly scale?: number;
  readonly basis?: 'svd' | 'range-finder' | 'random' | 'prac';
}

const quarter: RankSpec = { ratio: 0.25 };

/** Published settings: rank n/4, T = 200; α = 0.25 of GaLore, the factor √128 of APOLLO-Mini. */
const scales: { readonly [M in SubspaceMethod]: number } = { galore: 0.25, apollo: 1, 'apollo-mini': Math.sqrt(128) };

/** The chosen one, if any; throws InputError for several, or together with a method that leaves no exact gradient. */
export function subspaceMethod(chosen: ReadonlySet<string>, compact: string | undefined): SubspaceMethod | undefined {
  const found = (Object.keys(subspaceMethods) as SubspaceMethod[]).filter((name) => chosen.has(name));
  if (found.length > 1) {
    throw new InputError(`methods ${found.join(' and ')} exclude each other`, 'choose one: each has its own subspace');
  }
  const [method] = found;
  if (method && compact) {
    throw new InputError(
      `method ${method} projects the exact gradient, which ${compact} never forms`,
      `choose one of them; ${compact} has its moments in a subspace already`,
    );
  }
  if (method && (chosen.has('lora') || chosen.has('lora-fa'))) {
    throw new InputError(
      `method ${method} is for the matrices of the blocks, which adapters leave frozen`,
      'choose one of them: adapters have few numbers of their own to keep moments of',
    );
  }
  return method;
}

/** How matrices of the blocks are updated under a method, and by what factor. */
export function subspaceRules(
  method: SubspaceMethod,
  { rank, updateGap, scale, basis }: SubspaceOptions,
  rules: readonly OptimizerRule[],
): Pick<MemoryPlan, 'optimizer' | 'updateScales'> {
  const gap = updateGap === undefined ? 200 : updateGap;
  if (gap === null) throw new InputError(`--update-gap never has no meaning with ${method}`, 'give a number of steps');
  if (basis !== undefined && method !== 'galore') {
    throw new InputError(`--basis has no meaning with ${method}, whose subspace is random`, 'drop --basis');
  }
  if (basis === 'random' || basis === 'prac') {
    throw new InputError(`--basis ${basis} is one of sketches; galore has svd and range-finder`, 'choose one of these');
  }
  return {
    optimizer: [{ match: blockMatrices, update: updateOf(method, rank, gap, basis, directionOf(method, rules)) }],
    updateScales: [{ match: blockMatrices, scale: scale ?? scales[method] }],
  };
}

/** The state in the subspace: what the other methods say of matrices in the blocks, where that works on any matrix. */
function directionOf(method: SubspaceMethod, rules: readonly OptimizerRule[]): DirectionSpec {
  const update = lastMatch(rules, 'model.layers.0.mlp.up_proj.weight')?.update;
  if (update?.name === 'adamw' || update?.name === 'adam8bit' || update?.name === 'muon') return update;
  throw new InputError(
    `method ${method} has no subspace for the state of ${update?.name}`,
    `${method} goes with AdamW, adam8bit and muon`,
  );
}

function updateOf(
  method: SubspaceMethod,
  rank: RankSpec | undefined,
  updateGap: number,
  basis: 'svd' | 'range-finder' | undefined,
  direction: DirectionSpec,
): UpdateSpec {
  if (method === 'galore') {
    return { name: 'galore', rank: rank ?? quarter, updateGap, basis: basis ?? 'svd', direction };
  }
  if (method === 'apollo') return { name: 'apollo', rank: rank ?? quarter, updateGap, scaling: 'channel', direction };
  return { name: 'apollo', rank: rank ?? { absolute: 1 }, updateGap, scaling: 'tensor', direction };
}

/**
 * Size of an update's entries for the matrices of the blocks, relative to Adam's: α where there is one, and about
 * √(r/n) = 1/2 where APOLLO scales the exact gradient. The learning rate makes up for it.
 */
export function updateSize({ sketches, optimizer, updateScales }: MemoryPlan): number {
  if (sketches) return sketches.scale;
  const rule = optimizer.findLast(({ match }) => match === blockMatrices);
  if (rule?.update.name === 'apollo') return 0.5;
  return updateScales.findLast(({ match }) => match === blockMatrices)?.scale ?? 1;
}

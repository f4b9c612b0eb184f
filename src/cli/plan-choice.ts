import { readFile } from 'node:fs/promises';
import { InputError } from '../engine/index.js';
import type { ModelConfig } from '../models/index.js';
import { flagName } from '../plan/flag-name.js';
import { formOptionOwners, type MemoryPlan, makePlan, optimizerOptionOwners, parsePlan } from '../plan/index.js';
import { defined, type OptionValues } from './option-table.js';
import { type methodOptions, refinementOptions } from './options.js';

/** The options that refine a method. */
export type Refinements = OptionValues<typeof refinementOptions>;

const usualMethods = ['lean'] as const;

/**
 * The plan that `--method` with its refinements, or `--plan`, describes.
 *
 * @throws InputError for an unknown method, options that exclude each other, or a file that is no plan
 */
export async function choosePlan(values: OptionValues<typeof methodOptions>, config: ModelConfig): Promise<MemoryPlan> {
  const { plan, method } = values;
  if (plan === undefined) return planOf(method ?? usualMethods, refinementsIn(values), config);
  const [other] = Object.keys(defined({ method, ...refinementsIn(values) }));
  if (other) throw new InputError(`--plan and ${flagName(other)} exclude each other`, 'the plan document says it all');
  return readPlan(plan);
}

/**
 * The plan of one of several combinations that share their options: those for sketches are for the combinations that
 * sketch, and so on.
 */
export function planAmongOthers(methods: readonly string[], values: Refinements, config: ModelConfig): MemoryPlan {
  const given = refinementsIn(values);
  const own = refinementNames.filter((name) => concerns(name, given, methods)).map((name) => [name, given[name]]);
  return planOf(methods, Object.fromEntries(own), config);
}

const ofEveryMethod: readonly string[] = ['saveMode', 'lossChunk', 'dtype', 'momentDtype', 'masterWeights'];
const optionOwners: { readonly [name in string]?: string | readonly string[] } = {
  ...formOptionOwners,
  ...optimizerOptionOwners,
};

/** Whether a refinement says something about these methods; what has no owner is of sketches. */
function concerns(name: keyof Refinements, { rank, basis }: Chosen, methods: readonly string[]): boolean {
  if (ofEveryMethod.includes(name)) return true;
  const owners = optionOwners[name];
  if (owners !== undefined) return [owners].flat().some((owner) => methods.includes(owner));
  const sketches = methods.some((method) => method.startsWith('compact'));
  const adapters = methods.some((method) => method.startsWith('lora'));
  const galore = methods.includes('galore');
  const directions = sketches || galore || methods.includes('prac') || methods.includes('apollo');
  switch (name) {
    case 'rank':
      return directions || (adapters && rank !== undefined && 'absolute' in rank);
    case 'basis': {
      const bases: readonly unknown[] = sketches ? ['random', 'range-finder', 'prac'] : ['svd', 'range-finder'];
      return (sketches || galore) && bases.includes(basis);
    }
    case 'scale':
      // Subspaces of the exact gradient have factors of their own.
      return !adapters && !galore && !methods.some((method) => method.startsWith('apollo'));
    case 'alpha':
    case 'targetModules':
      return adapters;
    default:
      return sketches;
  }
}

/** What refines methods, with undefined for what was not said. */
type Chosen = { readonly [K in keyof Refinements]?: Refinements[K] | undefined };

function planOf(methods: readonly string[], values: Chosen, config: ModelConfig): MemoryPlan {
  const { numHiddenLayers: layers, hiddenSize, numAttentionHeads } = config;
  return makePlan(methods, { layers, headWidth: hiddenSize / numAttentionHeads, ...defined(values) });
}

const refinementNames = Object.keys(refinementOptions) as readonly (keyof Refinements)[];

/** The refinements among other values. */
function refinementsIn(values: Refinements): Chosen {
  const refinements: Chosen = Object.fromEntries(refinementNames.map((name) => [name, values[name]]));
  // A flag that is not there was not said.
  return { ...refinements, masterWeights: values.masterWeights || undefined };
}

/** `lean+compact` → both names. */
export function splitCombination(combination: string): readonly string[] {
  const names = combination.split('+');
  if (names.some((name) => name === '')) {
    throw new InputError(
      `--methods: "${combination}" is no combination of methods`,
      'like full,lean,fused-update+compact',
    );
  }
  return names;
}

async function readPlan(path: string): Promise<MemoryPlan> {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw new InputError(`${path}: not a readable plan: ${error instanceof Error ? error.message : String(error)}`);
  }
  return parsePlan(json, path);
}

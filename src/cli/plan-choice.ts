import { readFile } from 'node:fs/promises';
import { InputError } from '../engine/index.js';
import type { ModelConfig } from '../models/index.js';
import { type MemoryPlan, makePlan, optionOwners, parsePlan } from '../plan/index.js';
import { defined, flagName, type OptionValues } from './option-table.js';
import type { methodOptions } from './options.js';

/** The options that refine a method. */
export type Refinements = Omit<OptionValues<typeof methodOptions>, 'method' | 'plan'>;

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
  const adapters = methods.some((name) => name.startsWith('lora'));
  const {
    saveMode,
    lossChunk,
    checkpointEvery,
    checkpointLayers,
    bits,
    offloadFraction,
    groups,
    tokenRatio,
    veloraScale,
    alpha,
    targetModules,
    blockSize,
    momentum,
    updateRms,
    switchEvery,
    blockOrder,
    basis,
    dtype,
    momentDtype,
    masterWeights,
    ...forSketches
  } = refinementsIn(values);
  const { rank } = forSketches;
  const among = (...names: readonly string[]) => names.some((name) => methods.includes(name));
  const sketches = methods.some((name) => name.startsWith('compact'));
  const galore = methods.includes('galore');
  const bases: readonly unknown[] = sketches
    ? ['random', 'range-finder', 'prac']
    : galore
      ? ['svd', 'range-finder']
      : [];
  return planOf(
    methods,
    {
      ...(sketches && forSketches),
      ...(galore && { rank }),
      ...(bases.includes(basis) && { basis }),
      ...(adapters && rank && 'absolute' in rank && { rank }),
      ...(adapters && { alpha, targetModules }),
      ...ownOptions(methods, {
        checkpointEvery,
        checkpointLayers,
        bits,
        offloadFraction,
        groups,
        tokenRatio,
        veloraScale,
      }),
      saveMode,
      lossChunk,
      blockSize: among('adam8bit') ? blockSize : undefined,
      momentum: among('muon', 'adafactor', 'adalomo') ? momentum : undefined,
      updateRms: among('muon') ? updateRms : undefined,
      switchEvery: among('badam') ? switchEvery : undefined,
      blockOrder: among('badam') ? blockOrder : undefined,
      ...{ dtype, momentDtype, masterWeights: masterWeights ?? false },
    },
    config,
  );
}

/** Of the options that belong to one method, those of the methods at hand. */
function ownOptions(methods: readonly string[], values: Pick<Refinements, keyof typeof optionOwners>) {
  const of = <K extends keyof typeof optionOwners>(name: K) =>
    methods.includes(optionOwners[name]) ? values[name] : undefined;
  return {
    checkpointEvery: of('checkpointEvery'),
    checkpointLayers: of('checkpointLayers'),
    bits: of('bits'),
    offloadFraction: of('offloadFraction'),
    groups: of('groups'),
    tokenRatio: of('tokenRatio'),
    veloraScale: of('veloraScale'),
  };
}

/** What refines methods, with undefined for what was not said. */
type Chosen = { readonly [K in keyof Refinements]?: Refinements[K] | undefined };

function planOf(methods: readonly string[], values: Chosen, config: ModelConfig): MemoryPlan {
  const { numHiddenLayers: layers, hiddenSize, numAttentionHeads } = config;
  return makePlan(methods, { layers, headWidth: hiddenSize / numAttentionHeads, ...defined(values) });
}

/** The refinements among other values. */
function refinementsIn(values: Refinements) {
  const {
    rank,
    updateGap,
    scale,
    outputScale,
    projection,
    basis,
    gradient,
    refresh,
    moments,
    secondMoments,
    warmRestart,
  } = values;
  const { sketchWhen, saveMode, lossChunk } = values;
  const { checkpointEvery, checkpointLayers, bits, offloadFraction, groups, tokenRatio, veloraScale } = values;
  const { alpha, targetModules, blockSize, momentum, updateRms, switchEvery, blockOrder } = values;
  return {
    ...{
      rank,
      updateGap,
      scale,
      outputScale,
      projection,
      basis,
      gradient,
      refresh,
      moments,
      secondMoments,
      warmRestart,
    },
    ...{ sketchWhen, saveMode, lossChunk },
    ...{ checkpointEvery, checkpointLayers, bits, offloadFraction, groups, tokenRatio, veloraScale },
    ...{ alpha, targetModules, blockSize, momentum, updateRms, switchEvery, blockOrder },
    ...{ dtype: values.dtype, momentDtype: values.momentDtype, masterWeights: values.masterWeights || undefined },
  };
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

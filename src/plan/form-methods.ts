import { InputError } from '../engine/index.js';
import type { Form } from '../keep/index.js';
import { flagName } from './flag-name.js';
import { offloadRules, quantizedRules, sharedNormRules, stepSlopeRules } from './form-rules.js';
import type { MethodName, RecipeOptions } from './recipes.js';
import { checkpointEveryRules, type SaveMode, type SlotRule, saveModeRules, saveModeRulesOf } from './save-modes.js';

// The methods that keep tensors in other forms: how they go together with each other and with save modes.

/** Options that refine one method only. */
export const formOptionOwners = {
  checkpointEvery: 'checkpoint',
  checkpointLayers: 'checkpoint',
  bits: 'mesa',
  offloadFraction: 'offload',
  groups: 'velora',
  tokenRatio: 'token-sketch',
  veloraScale: 'velora',
} as const satisfies Partial<Record<keyof RecipeOptions, MethodName>>;

/** Methods that save less only where a usual framework saves more: what they keep, `lean` makes again for nothing. */
const onFull = ['velora', 'approxbp', 'token-sketch'] as const;

export function standsOnFull(chosen: ReadonlySet<MethodName>): boolean {
  return chosen.has('full') || onFull.some((name) => chosen.has(name));
}

/** The forms that give tensors back: the save mode's, changed by the methods that keep the same tensors otherwise. */
export function restoringRules(
  chosen: ReadonlySet<MethodName>,
  mode: SaveMode,
  options: RecipeOptions,
): readonly SlotRule[] {
  const { checkpointLayers, layers } = options;
  const wrong = checkpointLayers?.find((layer) => layer >= layers);
  if (wrong !== undefined)
    throw new InputError(`--checkpoint-layers: there is no block ${wrong}, only 0 to ${layers - 1}`);
  const rules = [
    ...(checkpointLayers
      ? [...saveModeRules('elementwise'), ...saveModeRulesOf(mode, checkpointLayers)]
      : saveModeRules(mode)),
    ...(chosen.has('msnorm') ? sharedNormRules : []),
    ...(chosen.has('approxbp') ? stepSlopeRules : []),
  ];
  const every = checkpointEveryRules(options.checkpointEvery ?? 1, layers);
  const coded = chosen.has('mesa') ? quantizedRules(rules, layers, options.bits ?? 8) : [];
  const kept = [...rules, ...coded, ...every];
  return chosen.has('offload') ? [...kept, ...offloadRules(kept, layers, options.offloadFraction ?? 1)] : kept;
}

/** The same form for the inputs of these weights' layers. */
export function inputsOf(weights: readonly string[], form: Form): readonly SlotRule[] {
  return weights.map((weight) => ({ match: weight.replace(/weight$/, 'input'), form }));
}

/** @throws InputError where methods of this file exclude each other or a method of another kind */
export function refuseFormClashes(
  chosen: ReadonlySet<MethodName>,
  compact: MethodName | undefined,
  mode: SaveMode,
): void {
  for (const name of onFull) {
    const base = (['lean', 'checkpoint'] as const).find((other) => chosen.has(other));
    if (chosen.has(name) && base) {
      throw new InputError(
        `methods ${base} and ${name} exclude each other: ${name} would store what ${base} makes again exactly, and spoil gradients`,
        `use ${name} by itself (it stands on full), or ${base} by itself`,
      );
    }
  }
  const replacing = [...(['velora', 'token-sketch'] as const).filter((name) => chosen.has(name)), compact];
  const [first, second] = replacing.filter((name) => name !== undefined);
  if (first && second) {
    throw new InputError(
      `methods ${first} and ${second} exclude each other: both replace the inputs of the same layers`,
    );
  }
  const adapter = (['lora', 'lora-fa'] as const).find((name) => chosen.has(name));
  const lost = (['velora', 'token-sketch', 'msnorm'] as const).find((name) => chosen.has(name));
  if (adapter && lost) {
    const why =
      lost === 'msnorm' ? 'it changes the weights that adapters belong to' : 'the layers it acts on are frozen';
    throw new InputError(`methods ${adapter} and ${lost} exclude each other: ${why}`);
  }
  if (chosen.has('velora') && chosen.has('badam')) {
    throw new InputError(
      'methods velora and badam exclude each other: velora takes its directions from the first batch, when most blocks rest',
    );
  }
  if (chosen.has('mesa') && chosen.has('offload')) {
    throw new InputError(
      'methods mesa and offload exclude each other: both replace what would be kept exactly',
      'offload alone keeps it exact at no memory; mesa alone needs no disk',
    );
  }
  if (chosen.has('msnorm') && compact && compact !== 'compact-down') {
    throw new InputError(
      `methods msnorm and ${compact} exclude each other: a memory-sharing norm needs the next layers' inputs, a sketch does not keep them`,
      'use compact-down, which sketches no norm output, or drop msnorm',
    );
  }
  if (chosen.has('msnorm') && mode === 'block') {
    throw new InputError(
      'methods checkpoint and msnorm exclude each other: norm outputs are recomputed in backward, so there is nothing to share',
    );
  }
}

/** @throws InputError where an option is given whose method is not */
export function refuseLooseFormOptions(chosen: ReadonlySet<MethodName>, options: RecipeOptions): void {
  for (const name of ['bits', 'offloadFraction', 'groups', 'veloraScale', 'tokenRatio'] as const) {
    const owner = formOptionOwners[name];
    if (options[name] === undefined || chosen.has(owner)) continue;
    throw new InputError(`${flagName(name)} has no meaning without ${owner}`, `add --method ${owner}`);
  }
}

import { InputError, type QuantizedBits } from '../engine/index.js';
import { blockScales } from './block-scales.js';
import { flagName } from './flag-name.js';
import { inputsOf, refuseFormClashes, refuseLooseFormOptions, restoringRules, standsOnFull } from './form-methods.js';
import { subtokenWeights } from './form-rules.js';
import { type AdapterPlan, type MemoryPlan, usualLossChunk } from './memory-plan.js';
import { type OptimizerOptions, optimizerMethods, optimizerRecipe } from './optimizer-recipe.js';
import { choosePrecision, type PrecisionOptions } from './precision.js';
import type { SaveMode, SlotRule } from './save-modes.js';
import {
  compactWeights,
  downWeight,
  isLifted,
  type SketchMethod,
  type SketchOptions,
  sketchMethod,
  sketchMethods,
  sketchRecipe,
} from './sketch-recipe.js';
import { type SubspaceMethod, subspaceMethod, subspaceMethods, subspaceRules } from './subspace-methods.js';

/** Methods that exist, each with one sentence for people. */
export const methods = {
  full: 'AdamW; forward keeps what a usual framework keeps, full logits included',
  lean: 'exact gradients; loss fused with the head, norm outputs and SwiGLU recomputed',
  checkpoint: 'exact gradients; only block inputs are kept, blocks are recomputed in backward',
  ...sketchMethods,
  ...subspaceMethods,
  velora: 'VeLoRA: of the inputs of v_proj and down_proj one number per sub-token is kept; the rest as full keeps it',
  'token-sketch': 'of the inputs of linear layers random mixtures of tokens are kept; the rest as full keeps it',
  mesa: 'Mesa: what would be kept exactly is kept in 8-bit (or 4-, 2-bit) codes, stochastically rounded',
  approxbp:
    "Approx-BP: two bits of SwiGLU's gate, or of GELU's input, stand for the derivative; the rest as full keeps it",
  offload: 'MEMO: what would be kept exactly goes to a file while blocks are computed, and comes back for backward',
  msnorm: "memory-sharing norms: γ goes into the next linears, whose inputs serve the norms' backward too",
  lora: 'LoRA: low-rank additions to the linear layers are trained, the weights themselves are frozen',
  'lora-fa': 'LoRA with the first factor frozen as well: no layer keeps its input',
  'fused-update': 'each gradient is used and freed as it appears in backward',
  ...optimizerMethods,
} as const satisfies Record<string, string>;

export type MethodName = keyof typeof methods;

/** Details that refine the methods; undefined means the method's own default. */
export interface RecipeOptions extends SketchOptions, OptimizerOptions, PrecisionOptions {
  /** Blocks of the model: `checkpointEvery` names them. */
  readonly layers: number;
  /** α of adapters. */
  readonly alpha?: number;
  /** Layers that get adapters: last parts of their names, or `all-linear`. */
  readonly targetModules?: readonly string[];
  readonly saveMode?: SaveMode;
  readonly checkpointEvery?: number;
  /** Blocks that `checkpoint` recomputes; the others are kept as `lean` keeps them. Default: all. */
  readonly checkpointLayers?: readonly number[];
  /** Bits of Mesa's codes. */
  readonly bits?: QuantizedBits;
  /** α: besides block inputs and attention outputs, move so many of the tokens and compute the others again. Default: 1. */
  readonly offloadFraction?: number;
  /** VeLoRA's sub-tokens per token. */
  readonly groups?: number;
  /** k/N of token sketches. */
  readonly tokenRatio?: number;
  /** VeLoRA's factor on the gradients of its layers. */
  readonly veloraScale?: number;
  readonly lossChunk?: number;
  readonly lossForm?: 'full' | 'fused';
  /** Patterns of weights that are not trained. */
  readonly frozen?: readonly string[];
}

/** All linear layers, as QLoRA's authors found necessary to reach full fine-tuning (arXiv 2305.14314). */
const adapterDefaults = {
  rank: 8,
  alpha: 16,
  targetModules: ['all-linear'],
  trained: ['head.*', 'model.pooler.*'],
} as const;

/** Published settings of VeLoRA's pre-training: 64 sub-tokens, s_v = 1. */
const veloraDefaults = { groups: 64, scale: 1 } as const;

/** Checks method names; throws InputError for unknown ones. */
export function parseMethods(names: readonly string[]): readonly MethodName[] {
  return names.map((name) => {
    if (Object.hasOwn(methods, name)) return name as MethodName;
    throw new InputError(`unknown method "${name}"`, `available: ${Object.keys(methods).join(', ')}`);
  });
}

/**
 * The plan that these methods describe together, in any order.
 *
 * @throws InputError where methods or options exclude each other
 */
export function makePlan(names: readonly string[], options: RecipeOptions): MemoryPlan {
  const chosen = new Set(parseMethods(names));
  const compact = sketchMethod(chosen);
  const mode = saveModeOf(chosen, compact, options);
  const adapters = adaptersOf(chosen, compact, options);
  const subspace = subspaceMethod(chosen, compact);
  refuseLooseOptions(compact, subspace, adapters !== null, mode, options);
  refuseFormClashes(chosen, compact, mode);
  refuseLooseFormOptions(chosen, options);
  const optimizer = optimizerRecipe(chosen, options);
  const subspaces = subspace && subspaceRules(subspace, options, optimizer.rules);
  const eager = standsOnFull(chosen) || isLifted(compact, options);
  const kept = restoringRules(chosen, mode, options);
  const sketched = compact && sketchRecipe(compact, options, options.sketchWhen ?? (eager ? 'forward' : 'backward'));
  return {
    version: 1,
    methods: (Object.keys(methods) as MethodName[]).filter((name) => chosen.has(name)),
    precision: choosePrecision(options),
    slots: [
      ...(adapters ? withAdapterSlots(kept, mode) : kept),
      ...(chosen.has('token-sketch') ? inputsOf([...compactWeights, downWeight], 'token-sketch') : []),
      ...(chosen.has('velora') ? inputsOf(subtokenWeights, 'subtoken') : []),
      ...(sketched?.slots ?? []),
    ],
    sketches: sketched?.sketches ?? null,
    adapters,
    subtokens: chosen.has('velora')
      ? {
          weights: subtokenWeights,
          groups: options.groups ?? veloraDefaults.groups,
          scale: options.veloraScale ?? veloraDefaults.scale,
        }
      : null,
    tokenRatio: options.tokenRatio ?? 0.25,
    offloadFraction: options.offloadFraction ?? 1,
    loss:
      (options.lossForm ?? (standsOnFull(chosen) ? 'full' : 'fused')) === 'full'
        ? { form: 'full' }
        : { form: 'fused', chunk: options.lossChunk ?? usualLossChunk },
    optimizer: [...optimizer.rules, ...(subspaces?.optimizer ?? []), ...(sketched?.optimizer ?? [])],
    blockCoordinate: optimizer.blockCoordinate,
    updateScales: sketched?.updateScales ?? subspaces?.updateScales ?? blockScales(options.scale),
    frozen: [...(options.frozen ?? [])],
    update: chosen.has('fused-update') || optimizer.fused ? 'fused' : 'after',
  };
}

function adaptersOf(
  chosen: ReadonlySet<MethodName>,
  compact: MethodName | undefined,
  { rank, alpha = adapterDefaults.alpha, targetModules = adapterDefaults.targetModules }: RecipeOptions,
): AdapterPlan | null {
  const [name, other] = (['lora', 'lora-fa'] as const).filter((method) => chosen.has(method));
  if (name === undefined) return null;
  const clash = other ?? compact;
  if (clash)
    throw new InputError(`methods ${name} and ${clash} exclude each other: each has its own low-rank subspace`);
  if (rank && !('absolute' in rank)) {
    throw new InputError(`--rank: ${name} takes a whole number, the same for all layers`, 'for example --rank 8');
  }
  return {
    rank: rank?.absolute ?? adapterDefaults.rank,
    alpha,
    targetModules: [...targetModules],
    trainDown: name === 'lora',
    trained: [...adapterDefaults.trained],
  };
}

/** An adapter reads its layer's input, which is kept for it as it would be for the layer. */
function withAdapterSlots(rules: readonly SlotRule[], mode: SaveMode): readonly SlotRule[] {
  const inputs = rules
    .filter(({ match }) => match.endsWith('.input'))
    .map(({ match, form }) => ({ match: match.replace(/input$/, 'lora_A.input'), form }));
  const products = mode === 'block' ? [{ match: '*.lora_B.input', form: 'replay-gemm' as const }] : [];
  return [...rules, ...inputs, ...products];
}

function saveModeOf(
  chosen: ReadonlySet<MethodName>,
  sketch: SketchMethod | undefined,
  options: RecipeOptions,
): SaveMode {
  if (chosen.has('full') && (chosen.has('lean') || chosen.has('checkpoint'))) {
    const other = chosen.has('lean') ? 'lean' : 'checkpoint';
    throw new InputError(`methods full and ${other} exclude each other: one keeps what the other recomputes`);
  }
  const lifted = isLifted(sketch, options);
  if (lifted && (chosen.has('lean') || chosen.has('checkpoint') || options.sketchWhen === 'backward')) {
    throw new InputError(
      'a lifted gradient from a recomputed input saves nothing: the exact gradient costs no more bytes',
      'leave out lean, checkpoint and --sketch-when backward, or use --gradient compressed for smaller moments',
    );
  }
  const eager = standsOnFull(chosen) || lifted;
  const byMethod = eager ? 'eager' : chosen.has('checkpoint') ? 'block' : 'elementwise';
  if (options.checkpointEvery !== undefined && byMethod !== 'block' && options.saveMode !== 'block') {
    throw new InputError('--checkpoint-every needs the method checkpoint');
  }
  if (options.checkpointLayers && (byMethod !== 'block' || options.checkpointEvery !== undefined)) {
    throw new InputError('--checkpoint-layers needs the method checkpoint, without --checkpoint-every');
  }
  return options.saveMode ?? byMethod;
}

/** Options of compressed gradients; the first is also one of a subspace of the exact gradient. */
const sketchOptions = [
  'updateGap',
  ...['projection', 'gradient', 'refresh', 'moments', 'secondMoments', 'warmRestart', 'sketchWhen', 'outputScale'],
] as const satisfies readonly (keyof SketchOptions)[];

function refuseLooseOptions(
  compact: MethodName | undefined,
  subspace: SubspaceMethod | undefined,
  adapted: boolean,
  mode: SaveMode,
  options: RecipeOptions,
): void {
  const refuse = (names: readonly (keyof RecipeOptions)[], method: string) => {
    const loose = names.find((name) => options[name] !== undefined);
    if (!loose) return;
    throw new InputError(`${flagName(loose)} has no meaning without a ${method} method`, `add --method ${method}`);
  };
  if (!compact) refuse(sketchOptions.slice(subspace ? 1 : 0), 'compact');
  if (!compact && !subspace && !adapted) refuse(['rank'], 'compact');
  if (!adapted) refuse(['alpha', 'targetModules'], 'lora');
  if (adapted) refuse(['scale'], 'compact');
  if (options.basis !== undefined && !subspace && !compact) {
    throw new InputError('--basis has no meaning without galore or a compact method', 'add --method galore');
  }
  if (options.sketchWhen === 'forward' && mode === 'block') {
    throw new InputError(
      'a sketch formed in forward cannot be combined with checkpoint: the input is recomputed in backward anyway',
      'use --sketch-when backward',
    );
  }
}

import { InputError } from '../engine/index.js';
import type { ProjectionFamily } from '../keep/index.js';
import { type AdapterPlan, type MemoryPlan, type RankSpec, usualLossChunk } from './memory-plan.js';
import { type OptimizerOptions, optimizerMethods, optimizerRecipe } from './optimizer-recipe.js';
import { checkpointEveryRules, type SaveMode, saveModeRules } from './save-modes.js';

/** Methods that exist, each with one sentence for people. */
export const methods = {
  full: 'AdamW; forward keeps what a usual framework keeps, full logits included',
  lean: 'exact gradients; loss fused with the head, norm outputs and SwiGLU recomputed',
  checkpoint: 'exact gradients; only block inputs are kept, blocks are recomputed in backward',
  compact: 'CompAct: r×m gradients and moments from random sketches, one per layer as in the paper',
  'compact-shared': 'CompAct with one sketch per input: q, k, v share one; gate and up share one',
  'compact-down': 'CompAct on down_proj only, the other linears exact',
  lora: 'LoRA: low-rank additions to the linear layers are trained, the weights themselves are frozen',
  'lora-fa': 'LoRA with the first factor frozen as well: no layer keeps its input',
  'fused-update': 'each gradient is used and freed as it appears in backward',
  ...optimizerMethods,
} as const satisfies Record<string, string>;

export type MethodName = keyof typeof methods;

/** Names the command line reserves for methods that do not exist yet. */
const plannedMethods: readonly string[] = [
  'compact-plus',
  'prac',
  'velora',
  'mesa',
  'approxbp',
  'msnorm',
  'offload',
  'galore',
  'apollo',
  'apollo-mini',
];

/** Details that refine the methods; undefined means the method's own default. */
export interface RecipeOptions extends OptimizerOptions {
  /** Blocks of the model: `checkpointEvery` names them. */
  readonly layers: number;
  readonly rank?: RankSpec;
  /** α of adapters. */
  readonly alpha?: number;
  /** Layers that get adapters: last parts of their names, or `all-linear`. */
  readonly targetModules?: readonly string[];
  readonly updateGap?: number | null;
  readonly scale?: number;
  /** Factor on the output projection's update, relative to `scale`. */
  readonly outputScale?: number;
  readonly projection?: ProjectionFamily;
  /** Form the sketch in forward and store it, or in backward from a recomputed input. */
  readonly sketchWhen?: 'forward' | 'backward';
  readonly saveMode?: SaveMode;
  readonly checkpointEvery?: number;
  readonly lossChunk?: number;
  readonly lossForm?: 'full' | 'fused';
  /** Patterns of weights that are not trained. */
  readonly frozen?: readonly string[];
}

/** Published settings of CompAct's pre-training: r = n/4, T = 50, α = 0.25, and half of α on the output projection. */
const compactDefaults = { rank: { ratio: 0.25 }, updateGap: 50, scale: 0.25, outputScale: 0.5 } as const;

/** All linear layers, as QLoRA's authors found necessary to reach full fine-tuning (arXiv 2305.14314). */
const adapterDefaults = {
  rank: 8,
  alpha: 16,
  targetModules: ['all-linear'],
  trained: ['classifier.*', 'score.*'],
} as const;

const compactWeights = [
  '*.q_proj.weight',
  '*.k_proj.weight',
  '*.v_proj.weight',
  '*.gate_proj.weight',
  '*.up_proj.weight',
];
const downWeight = '*.down_proj.weight';

/** Checks method names; throws InputError for unknown or not yet existing ones. */
export function parseMethods(names: readonly string[]): readonly MethodName[] {
  return names.map((name) => {
    if (Object.hasOwn(methods, name)) return name as MethodName;
    const hint = `available: ${Object.keys(methods).join(', ')}`;
    if (plannedMethods.includes(name)) throw new InputError(`method "${name}" is not implemented yet`, hint);
    throw new InputError(`unknown method "${name}"`, hint);
  });
}

/**
 * The plan that these methods describe together, in any order.
 *
 * @throws InputError where methods or options exclude each other
 */
export function makePlan(names: readonly string[], options: RecipeOptions): MemoryPlan {
  const chosen = new Set(parseMethods(names));
  const compact = compactMethod(chosen);
  const mode = saveModeOf(chosen, options);
  const adapters = adaptersOf(chosen, compact, options);
  refuseLooseOptions(compact, adapters !== null, mode, options);
  const optimizer = optimizerRecipe(chosen, options);
  const { updateGap = compactDefaults.updateGap, scale = compactDefaults.scale } = options;
  const eagerSketch = chosen.has('full');
  const when = options.sketchWhen ?? (eagerSketch ? 'forward' : 'backward');
  const weights = compact === 'compact-down' ? [downWeight] : [...compactWeights, downWeight];
  const form = when === 'forward' ? ('sketch' as const) : ('late-sketch' as const);
  return {
    version: 1,
    methods: [...names],
    slots: [
      ...(adapters ? withAdapterSlots(saveModeRules(mode), mode) : saveModeRules(mode)),
      ...checkpointEveryRules(options.checkpointEvery ?? 1, options.layers),
      ...(compact ? weights.map((weight) => ({ match: weight.replace(/weight$/, 'input'), form })) : []),
    ],
    sketches: compact
      ? {
          weights,
          projection: options.projection ?? 'gaussian',
          rank: options.rank ?? compactDefaults.rank,
          share: compact === 'compact-shared',
          updateGap,
          scale,
        }
      : null,
    adapters,
    loss:
      (options.lossForm ?? (eagerSketch ? 'full' : 'fused')) === 'full'
        ? { form: 'full' }
        : { form: 'fused', chunk: options.lossChunk ?? usualLossChunk },
    optimizer: optimizer.rules,
    blockCoordinate: optimizer.blockCoordinate,
    updateScales: compact
      ? [{ match: '*.o_proj.weight', scale: scale * (options.outputScale ?? compactDefaults.outputScale) }]
      : [],
    frozen: [...(options.frozen ?? [])],
    update: chosen.has('fused-update') || optimizer.fused ? 'fused' : 'after',
  };
}

function compactMethod(chosen: ReadonlySet<MethodName>): 'compact' | 'compact-shared' | 'compact-down' | undefined {
  const found = (['compact', 'compact-shared', 'compact-down'] as const).filter((name) => chosen.has(name));
  if (found.length > 1) throw new InputError(`methods ${found.join(' and ')} exclude each other: choose one`);
  return found[0];
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
function withAdapterSlots(rules: ReturnType<typeof saveModeRules>, mode: SaveMode): ReturnType<typeof saveModeRules> {
  const inputs = rules
    .filter(({ match }) => match.endsWith('.input'))
    .map(({ match, form }) => ({ match: match.replace(/input$/, 'lora_A.input'), form }));
  const products = mode === 'block' ? [{ match: '*.lora_B.input', form: 'replay-gemm' as const }] : [];
  return [...rules, ...inputs, ...products];
}

function saveModeOf(chosen: ReadonlySet<MethodName>, options: RecipeOptions): SaveMode {
  if (chosen.has('full') && (chosen.has('lean') || chosen.has('checkpoint'))) {
    const other = chosen.has('lean') ? 'lean' : 'checkpoint';
    throw new InputError(`methods full and ${other} exclude each other: one keeps what the other recomputes`);
  }
  const byMethod = chosen.has('full') ? 'eager' : chosen.has('checkpoint') ? 'block' : 'elementwise';
  if (options.checkpointEvery !== undefined && byMethod !== 'block' && options.saveMode !== 'block') {
    throw new InputError('--checkpoint-every needs the method checkpoint');
  }
  return options.saveMode ?? byMethod;
}

function refuseLooseOptions(
  compact: MethodName | undefined,
  adapted: boolean,
  mode: SaveMode,
  options: RecipeOptions,
): void {
  const refuse = (names: readonly (keyof RecipeOptions)[], method: string) => {
    const loose = names.find((name) => options[name] !== undefined);
    const flag = loose?.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    if (flag) throw new InputError(`--${flag} has no meaning without a ${method} method`, `add --method ${method}`);
  };
  if (!compact) refuse(['updateGap', 'scale', 'projection', 'sketchWhen', 'outputScale'], 'compact');
  if (!compact && !adapted) refuse(['rank'], 'compact');
  if (!adapted) refuse(['alpha', 'targetModules'], 'lora');
  if (options.sketchWhen === 'forward' && mode === 'block') {
    throw new InputError(
      'a sketch formed in forward cannot be combined with checkpoint: the input is recomputed in backward anyway',
      'use --sketch-when backward',
    );
  }
}

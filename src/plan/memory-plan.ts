import { z } from 'zod';
import { InputError } from '../engine/index.js';
import { dataBases, formNames, projectionFamilies, rankSchema } from '../keep/index.js';
import { updateSchema } from '../optim/index.js';

/** Orders of blocks in block coordinate descent. */
const blockOrders = ['random', 'ascending', 'descending'] as const;
export type BlockOrder = (typeof blockOrders)[number];

const slotRule = z.strictObject({ match: z.string().min(1), form: z.enum(formNames) });
const optimizerRule = z.strictObject({ match: z.string().min(1), update: updateSchema });
const scaleRule = z.strictObject({ match: z.string().min(1), scale: z.number() });

const sketches = z.strictObject({
  /** Weights whose gradients are compressed, by pattern. */
  weights: z.array(z.string().min(1)).min(1),
  projection: z.enum(projectionFamilies),
  /** Where directions come from: the seed alone, or the layer's own input (P is then stored and saved with checkpoints). */
  basis: z.enum(['random', ...dataBases]),
  /** Whether moments are r×m and updates expanded, or the gradient itself is brought back to the weight's shape. */
  gradient: z.enum(['compressed', 'lifted']),
  /** r as a fraction of each layer's input width, or the same r for all. */
  rank: rankSchema,
  /** One sketch per input (q, k, v; gate, up) instead of one per layer. */
  share: z.boolean(),
  /** T, steps between resamplings; null: never. */
  updateGap: z.number().int().positive().nullable(),
  /** Whether all directions change together, or blocks of them in turn, spread over the gap. */
  refresh: z.enum(['together', 'staggered']),
  /** What becomes of the moments when the projection changes. */
  moments: z.strictObject({
    /** `reset` starts again from 0, `transport` carries them over: M ← c·P_newᵀ·P_old·M. */
    first: z.enum(['keep', 'reset', 'transport']),
    second: z.enum(['keep', 'reset']),
    /** w: in step τ after a change updates are multiplied by min(1, (τ+1)/w); null: never. */
    warmRestart: z.number().int().positive().nullable(),
  }),
  /** α, the factor on the expanded update. */
  scale: z.number().positive(),
});

const adapters = z.strictObject({
  /** r. */
  rank: z.number().int().positive(),
  /** α; what A and B add is multiplied by α/r. */
  alpha: z.number().positive(),
  /** Last parts of the names of the linear layers, or `all-linear`. */
  targetModules: z.array(z.string().min(1)).min(1),
  /** Whether A is trained as well as B; LoRA-FA keeps it as it was drawn, and needs no layer's input. */
  trainDown: z.boolean(),
  /** Weights of the model itself that are trained, by pattern; all others are frozen. */
  trained: z.array(z.string().min(1)),
});

const blockCoordinate = z.strictObject({
  /** Steps of a block's turn. */
  switchEvery: z.number().int().positive(),
  /** Order of the blocks in each pass over the model; `random`: another permutation in each pass. */
  order: z.enum(blockOrders),
});

const subtokens = z.strictObject({
  /** Weights whose inputs are cut into sub-tokens, by pattern. */
  weights: z.array(z.string().min(1)).min(1),
  /** G, sub-tokens of a token; M = ⌈n/G⌉ numbers each, at least one. */
  groups: z.number().int().positive(),
  /** s_v, the factor on those weights' gradients. */
  scale: z.number().positive(),
});

const floatType = z.enum(['f32', 'bf16']);

const precision = z.strictObject({
  /** What weights, activations, saved tensors and gradients are stored in; sums are f32 in any case. */
  dtype: floatType,
  /** What Adam's moments are stored in. */
  moments: floatType,
  /** Whether an f32 copy of bf16 weights takes the updates; else they are rounded stochastically. */
  masterWeights: z.boolean(),
});

const schema = z.strictObject({
  version: z.literal(1),
  /** The names this plan was made from. */
  methods: z.array(z.string()),
  precision: precision.default({ dtype: 'f32', moments: 'f32', masterWeights: false }),
  /** Slot patterns to forms; the last match holds. */
  slots: z.array(slotRule).min(1),
  sketches: sketches.nullable(),
  /** Low-rank additions to linear layers, which are trained in the place of the model's own weights. */
  adapters: adapters.nullable(),
  subtokens: subtokens.nullable().default(null),
  /** k/N, mixtures per token that slots of the form `token-sketch` keep. */
  tokenRatio: z.number().positive().max(1).default(0.25),
  /** α, the fraction of the tokens that slots of the form `offload-part` move; the others are computed again. */
  offloadFraction: z.number().min(0).max(1).default(1),
  loss: z.discriminatedUnion('form', [
    z.strictObject({ form: z.literal('full') }),
    z.strictObject({ form: z.literal('fused'), chunk: z.number().int().positive() }),
  ]),
  /** How parameters are updated and in what form that state is kept, by pattern; the last match holds. */
  optimizer: z.array(optimizerRule).min(1),
  /** Block coordinate descent: one block of weights is trained at a time; null: all are. */
  blockCoordinate: blockCoordinate.nullable(),
  /** Factors on the updates of weights outside `sketches`, by pattern; the last match holds, else 1. */
  updateScales: z.array(scaleRule),
  /** Weights that are not trained, by pattern: no gradient, no moments, and their layers' inputs are not kept for them. */
  frozen: z.array(z.string().min(1)),
  /** `after` all gradients are there, or `fused`: each gradient is used and freed as it appears in backward. */
  update: z.enum(['after', 'fused']),
});

/**
 * In what form each tensor that backward needs is kept, and how gradients and updates are represented. Plain data: printed,
 * saved with the run, comparable line by line.
 */
export type MemoryPlan = z.infer<typeof schema>;
export type Precision = z.infer<typeof precision>;
export type AdapterPlan = z.infer<typeof adapters>;
export type SketchPlan = z.infer<typeof sketches>;
export type BlockCoordinatePlan = z.infer<typeof blockCoordinate>;
export type SubtokenPlan = z.infer<typeof subtokens>;
export type OptimizerRule = z.infer<typeof optimizerRule>;

/** Rows of logits that exist at a time, where nothing else is said; evaluation always takes these. */
export const usualLossChunk = 256;

/** Reads a plan document; throws InputError with the first thing that does not fit. */
export function parsePlan(json: unknown, where: string): MemoryPlan {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new InputError(`${where}: ${issue?.path.join('.') || 'plan'}: ${issue?.message ?? 'invalid'}`);
}

import { deriveKey, type Engine, threefry } from '../../src/engine/index.js';
import {
  Offloader,
  type ProjectionSource,
  Projections,
  Sketcher,
  SlotKeeper,
  SlotKeys,
  type SlotRecord,
  Subtokens,
  TokenSketcher,
} from '../../src/keep/index.js';
import {
  DropoutKeys,
  type EncoderConfig,
  type Gpt2Config,
  isEncoder,
  type LlamaConfig,
  type ModelConfig,
  presets,
  type TrainableModel,
} from '../../src/models/index.js';
import type { AdamWSettings } from '../../src/optim/index.js';
import { takeScalar, withTokens, zeroLoss } from '../../src/plan/host-batch.js';
import {
  createPlannedModel,
  type HostBatch,
  type MemoryPlan,
  makePlan,
  type RecipeOptions,
  resolvePlan,
} from '../../src/plan/index.js';
import { mergeNorms } from '../../src/plan/merge-norms.js';
import { Tape } from '../../src/tape/index.js';

/** The unit-test fixture whose bytes are worked out by hand: n=64, m=172, 4 heads, 2 blocks. */
export const tinyConfig: LlamaConfig = {
  ...presets['llama-260k'],
  vocabSize: 96,
  hiddenSize: 64,
  intermediateSize: 172,
  numHiddenLayers: 2,
  numAttentionHeads: 4,
  numKeyValueHeads: 4,
  tieWordEmbeddings: false,
};

/** Smaller, with odd widths, grouped keys and a tied head: for finite differences. */
export const oddConfig: LlamaConfig = {
  ...tinyConfig,
  vocabSize: 19,
  hiddenSize: 12,
  intermediateSize: 21,
  numAttentionHeads: 2,
  numKeyValueHeads: 1,
  tieWordEmbeddings: true,
  initializerRange: 0.3,
};

export const adamSettings: AdamWSettings = {
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  epsilonForm: 'standard',
  weightDecay: 0,
};

/** Encoders of the fixture's width, one per head, with dropout where the name says so. */
export const tinyBert: EncoderConfig = {
  modelType: 'bert',
  head: 'classification',
  vocabSize: 96,
  hiddenSize: 64,
  intermediateSize: 256,
  numHiddenLayers: 2,
  numAttentionHeads: 4,
  maxPositionEmbeddings: 64,
  typeVocabSize: 2,
  layerNormEps: 1e-12,
  gelu: 'exact',
  hiddenDropout: 0.1,
  attentionDropout: 0.1,
  classifierDropout: 0.1,
  padTokenId: 0,
  labels: ['no', 'yes', 'maybe'],
  initializerRange: 0.02,
};

export const tinyRoberta: EncoderConfig = {
  ...tinyBert,
  modelType: 'roberta',
  typeVocabSize: 1,
  padTokenId: 1,
  layerNormEps: 1e-5,
};

export const tinyGpt2: Gpt2Config = {
  modelType: 'gpt2',
  vocabSize: 96,
  hiddenSize: 64,
  intermediateSize: 256,
  numHiddenLayers: 2,
  numAttentionHeads: 4,
  maxPositionEmbeddings: 64,
  layerNormEps: 1e-5,
  gelu: 'tanh',
  embeddingDropout: 0.1,
  hiddenDropout: 0.1,
  attentionDropout: 0.1,
  tieWordEmbeddings: true,
  initializerRange: 0.02,
};

/** Small enough for finite differences, with odd widths. */
export const oddSizes = {
  vocabSize: 19,
  hiddenSize: 12,
  intermediateSize: 21,
  numAttentionHeads: 2,
  maxPositionEmbeddings: 12,
  initializerRange: 0.3,
} as const;

/** Random ids and targets, the same for the same index; for an encoder rows of several lengths and what its head predicts. */
export function tinyBatch(config: ModelConfig, batch: number, sequenceLength: number, index = 0): HostBatch {
  const host = nextTokens(config, batch, sequenceLength, index);
  return isEncoder(config) ? encoderBatch(config, host, index) : host;
}

function encoderBatch({ head, labels, typeVocabSize }: EncoderConfig, host: HostBatch, index: number): HostBatch {
  const { batch, sequenceLength, inputs } = host;
  const lengths = Int32Array.from({ length: batch }, (_, row) => Math.max(1, sequenceLength - 2 * row));
  const shared = {
    inputs,
    batch,
    sequenceLength,
    lengths,
    ...(typeVocabSize > 1 && { tokenTypes: inputs.map((_, i) => Number(2 * (i % sequenceLength) >= sequenceLength)) }),
  };
  if (head === 'masked-lm') {
    const predicted = Int32Array.from({ length: batch }, (_, row) => row * sequenceLength + (index % lengths[row]));
    return { ...shared, predicted, targets: host.targets.slice(0, batch) };
  }
  const rows = { length: batch };
  const targets = Int32Array.from(rows, (_, row) => (row + index) % labels.length);
  return head === 'regression'
    ? { ...shared, targets: Float32Array.from(rows, (_, row) => row - index / 2) }
    : { ...shared, targets };
}

function nextTokens(config: ModelConfig, batch: number, sequenceLength: number, index: number): HostBatch {
  const key = deriveKey(7, 'dataOrder', index, 0);
  const stream = Int32Array.from(
    { length: batch * (sequenceLength + 1) },
    (_, i) => threefry(key, i, 0)[0] % config.vocabSize,
  );
  const inputs = new Int32Array(batch * sequenceLength);
  const targets = new Int32Array(batch * sequenceLength);
  for (let row = 0; row < batch; row++) {
    const window = stream.subarray(row * (sequenceLength + 1), (row + 1) * (sequenceLength + 1));
    inputs.set(window.subarray(0, sequenceLength), row * sequenceLength);
    targets.set(window.subarray(1), row * sequenceLength);
  }
  return { inputs, targets, batch, sequenceLength };
}

export function tinyPlan(methods: string, config: ModelConfig, options: Partial<RecipeOptions> = {}): MemoryPlan {
  const headWidth = config.hiddenSize / config.numAttentionHeads;
  return makePlan(methods.split(','), { layers: config.numHiddenLayers, headWidth, ...options });
}

export interface Pass {
  readonly loss: number;
  readonly gradients: ReadonlyMap<string, Float64Array>;
  readonly slots: readonly SlotRecord[];
}

export interface PassOptions {
  readonly seed?: number;
  /** Completed steps before the pass. */
  readonly step?: number;
  readonly projections?: ProjectionSource;
  /** Called with the model before the pass, for example to move weights. */
  readonly prepare?: (model: TrainableModel) => void | Promise<void>;
  readonly backward?: boolean;
  /** Drop entries, as training does. */
  readonly dropout?: boolean;
}

/** One forward (and backward) pass over micro-batches under a plan; checks that no byte is left. */
export async function runPass(
  engine: Engine,
  config: ModelConfig,
  plan: MemoryPlan,
  batches: readonly HostBatch[],
  options: PassOptions = {},
): Promise<Pass> {
  const before = engine.ledger.live;
  const slots: SlotRecord[] = [];
  const gradients = new Map<string, Float64Array>();
  let loss = 0;
  {
    using model = createPlannedModel(engine, config, batches[0].sequenceLength, plan);
    model.initialize(options.seed ?? 1);
    await options.prepare?.(model);
    const resolved = resolvePlan(plan, model);
    mergeNorms(engine, model.parameters, resolved.mergedNorms);
    using own = new Projections(
      engine,
      options.seed ?? 1,
      Number.POSITIVE_INFINITY,
      resolved.sketches,
      plan.precision.dtype,
    );
    using subtokens = new Subtokens(engine, resolved.subtokens);
    const offloads = plan.slots.some(({ form }) => form === 'offload' || form === 'offload-part');
    using spill = offloads ? engine.openSpill({ bytes: Number.MAX_SAFE_INTEGER }) : undefined;
    const offloader = spill && new Offloader(engine, spill);
    const means = { ...keeperMeans(engine, options.projections ?? own, subtokens, options.seed), offloader };
    const keeper = new SlotKeeper(resolved, means, (record) => slots.push(record));
    const lossTensor = zeroLoss(engine);
    const scale = 1 / batches.reduce((sum, { targets }) => sum + targets.length, 0);
    for (const [microBatch, host] of batches.entries()) {
      keeper.moveTo({ step: options.step ?? 0, microBatch });
      const dropout = options.dropout ? new DropoutKeys(options.seed ?? 1, microBatch) : undefined;
      withTokens(
        engine,
        host,
        (tokens, targets) => {
          const tape = new Tape(engine, keeper);
          model.loss(tape, tokens, { targets, loss: lossTensor, scale }, plan.loss);
          if (options.backward === false) tape.discard();
          else tape.backward();
        },
        dropout,
      );
    }
    loss = await takeScalar(engine, lossTensor);
    for (const parameter of model.parameters) {
      if (!parameter.gradient) continue;
      gradients.set(parameter.name, Float64Array.from(await engine.read(parameter.gradient)));
      engine.release(parameter.gradient);
      parameter.gradient = undefined;
    }
  }
  if (engine.ledger.live !== before) throw new Error(`${engine.ledger.live - before} bytes are left over`);
  return { loss, gradients, slots };
}

/** The gradient of this name; a test that asks for one that is not there must fail. */
export function gradientOf(pass: Pass, name: string): Float64Array {
  const gradient = pass.gradients.get(name);
  if (!gradient) throw new Error(`no gradient of ${name}`);
  return gradient;
}

/** ‖a − b‖ / ‖b‖. */
export function relativeError(a: Float64Array, b: Float64Array): number {
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < b.length; i++) {
    difference += (a[i] - b[i]) ** 2;
    norm += b[i] ** 2;
  }
  return Math.sqrt(difference / (norm || 1));
}

/** What a keeper keeps with, where nothing is offloaded. */
export function keeperMeans(engine: Engine, projections: ProjectionSource, subtokens: Subtokens, seed = 1) {
  const keys = new SlotKeys(seed);
  return {
    sketcher: new Sketcher(engine, projections),
    subtokens,
    keys,
    tokenSketcher: new TokenSketcher(engine, keys),
  };
}

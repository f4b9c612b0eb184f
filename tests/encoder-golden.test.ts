import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { deriveKey, type Engine, type Tensor } from '../src/engine/index.js';
import { createReferenceEngine } from '../src/engine/reference/reference-engine.js';
import { Projections, SlotKeeper, Subtokens } from '../src/keep/index.js';
import { createModel, Encoder, type ModelConfig, type TrainableModel } from '../src/models/index.js';
import { takeScalar, withTokens, zeroLoss } from '../src/plan/host-batch.js';
import { countPredicted, type HostBatch, resolvePlan } from '../src/plan/index.js';
import { Tape, type Value } from '../src/tape/index.js';
import { keeperMeans, tinyBert, tinyGpt2, tinyPlan, tinyRoberta } from './support/tiny.js';

/**
 * What `transformers` 5.23.0 (PyTorch, float64) gives for the very models below, saved by `saveWeights` as f32: outputs, losses
 * and the norm of each weight's gradient.
 */
interface Fixture {
  readonly inputs: readonly number[];
  readonly lengths: readonly number[];
  readonly tokenTypes: readonly number[];
  readonly models: Readonly<Record<string, Expected>>;
}
interface Expected {
  readonly hidden?: readonly number[];
  readonly pooled?: readonly number[];
  readonly logits?: readonly number[];
  readonly loss?: number;
  readonly gradientNorms?: Readonly<Record<string, number>>;
}

const path = join(import.meta.dirname, 'fixtures/encoders-by-transformers.json');
const fixture: Fixture = JSON.parse(readFileSync(path, 'utf8'));

const sizes = {
  vocabSize: 23,
  hiddenSize: 12,
  intermediateSize: 21,
  numAttentionHeads: 2,
  maxPositionEmbeddings: 12,
  hiddenDropout: 0,
  attentionDropout: 0,
  classifierDropout: 0,
  initializerRange: 0.3,
} as const;
const bert = { ...tinyBert, ...sizes };
const roberta = { ...tinyRoberta, ...sizes };
const { classifierDropout: _, ...causalSizes } = sizes;

const models: readonly [string, ModelConfig, Partial<HostBatch>][] = [
  ['bert-classes', bert, { targets: Int32Array.from([2, 1]) }],
  ['bert-regression', { ...bert, head: 'regression', labels: ['score'] }, { targets: Float32Array.from([0.5, -1.25]) }],
  ['bert-masked', { ...bert, head: 'masked-lm', gelu: 'tanh' }, maskedTargets()],
  ['roberta-classes', roberta, { targets: Int32Array.from([2, 1]) }],
  ['roberta-masked', { ...roberta, head: 'masked-lm' }, maskedTargets()],
  ['gpt2', { ...tinyGpt2, ...causalSizes, intermediateSize: 48, embeddingDropout: 0 }, { targets: nextTokens() }],
];

/** The second and sixth token of the first row and the third of the second are predicted. */
function maskedTargets(): Partial<HostBatch> {
  const predicted = Int32Array.from([1, 5, 9]);
  return { predicted, targets: predicted.map((token) => fixture.inputs[token]) };
}

function nextTokens(): Int32Array {
  return Int32Array.from({ length: 14 }, (_, i) => (i % 7 === 6 ? -100 : fixture.inputs[i + 1]));
}

function batchOf(config: ModelConfig, given: Partial<HostBatch>): HostBatch {
  const encoder = config.modelType !== 'gpt2';
  return {
    inputs: Int32Array.from(fixture.inputs),
    targets: new Int32Array(0),
    batch: 2,
    sequenceLength: 7,
    ...(encoder && { lengths: Int32Array.from(fixture.lengths) }),
    ...(config.modelType === 'bert' && { tokenTypes: Int32Array.from(fixture.tokenTypes) }),
    ...given,
  };
}

/** The model of the fixture: random weights, and biases and norms that are not 0 and 1, in f32 as they were saved. */
async function makeModel(engine: Engine, config: ModelConfig): Promise<TrainableModel> {
  const model = createModel(engine, config, 7);
  model.initialize(5);
  for (const [index, { name, tensor }] of model.parameters.entries()) {
    // The fixture's encoders have random positions; new ones start from waves.
    if (name === 'model.embed_positions.weight') {
      const key = deriveKey(5, 'init', index, 0);
      engine.run('random', { out: tensor, family: 'gaussian', key, deviation: sizes.initializerRange });
    }
    const values = Float64Array.from(await engine.read(tensor));
    const isVector = tensor.shape.length === 1;
    engine.write(
      tensor,
      values.map((value, i) => Math.fround(isVector ? value + 0.1 * Math.sin(i + index) : value)),
    );
  }
  return model;
}

function expectClose(got: ArrayLike<number>, want: readonly number[], what: string) {
  expect(got.length, what).toBe(want.length);
  for (const [i, value] of want.entries()) {
    expect(Math.abs(got[i] - value), `${what}[${i}]: ${got[i]}, expected ${value}`).toBeLessThan(
      1e-7 * Math.max(1, Math.abs(value)),
    );
  }
}

describe('models of this project agree with transformers', () => {
  it.each(models)('%s: loss and all gradients', async (name, config, given) => {
    const expected = fixture.models[name];
    using engine = createReferenceEngine();
    using model = await makeModel(engine, config);
    const host = batchOf(config, given);
    const plan = tinyPlan('lean', config);
    const resolved = resolvePlan(plan, model);
    using projections = new Projections(engine, 1, Number.POSITIVE_INFINITY, resolved.sketches);
    using subtokens = new Subtokens(engine, resolved.subtokens);
    const keeper = new SlotKeeper(resolved, keeperMeans(engine, projections, subtokens));
    const loss = zeroLoss(engine);
    withTokens(engine, host, (tokens, targets) => {
      const tape = new Tape(engine, keeper);
      model.loss(tape, tokens, { targets, loss, scale: 1 / countPredicted(host) }, plan.loss);
      tape.backward();
    });
    // transformers takes the loss itself in f32.
    expect(await takeScalar(engine, loss)).toBeCloseTo(expected.loss ?? Number.NaN, 6);

    const squares = new Map<string, number>();
    for (const parameter of model.parameters) {
      if (!parameter.gradient) continue;
      const values = await engine.read(parameter.gradient);
      squares.set(
        parameter.name,
        Array.from(values).reduce((sum, value) => sum + value * value, 0),
      );
      engine.release(parameter.gradient);
      parameter.gradient = undefined;
    }
    const norms = expected.gradientNorms ?? {};
    expect(model.files.tensors.map((entry) => entry.name).toSorted()).toEqual(Object.keys(norms).toSorted());
    for (const { name: file, parts } of model.files.tensors) {
      const norm = Math.sqrt(parts.reduce((sum, part) => sum + (squares.get(part) ?? 0), 0));
      // Of a key's bias nothing reaches the loss: what is left is rounding.
      expect(Math.abs(norm - norms[file]), `${file}: ${norm}, expected ${norms[file]}`).toBeLessThan(
        1e-7 * Math.max(1, norm),
      );
    }
  });

  /** Runs `body` on the batch in inference and reads what it gives. */
  async function outputs(
    config: ModelConfig,
    body: (model: Encoder, tape: Tape, tokens: Parameters<Encoder['scores']>[1]) => Value | Tensor,
  ) {
    using engine = createReferenceEngine();
    using model = await makeModel(engine, config);
    if (!(model instanceof Encoder)) throw new Error('no encoder');
    let values: Promise<ArrayLike<number>> | undefined;
    withTokens(engine, batchOf(config, { targets: new Int32Array(1) }), (tokens) => {
      const result = body(model, new Tape(engine), tokens);
      values = engine.read('tensor' in result ? result.tensor : result);
      if ('tensor' in result) result.release();
      else engine.release(result);
    });
    return (await values) ?? [];
  }

  it.each(['bert-classes', 'bert-regression', 'roberta-classes'])('%s: scores', async (name) => {
    const config = models.find(([other]) => other === name)?.[1] ?? bert;
    const scores = await outputs(config, (model, tape, tokens) => model.scores(tape, tokens));
    expectClose(scores, fixture.models[name].logits ?? [], name);
  });

  it.each(['bert-masked', 'roberta-masked'])('%s: logits of every token that is not filling', async (name) => {
    const config = models.find(([other]) => other === name)?.[1] ?? bert;
    const logits = Array.from(await outputs(config, (model, tape, tokens) => model.maskedLogits(tape, tokens)));
    const real = 11 * 23;
    expectClose(logits.slice(0, real), (fixture.models[name].logits ?? []).slice(0, real), name);
  });

  it('a BERT without head: hidden states and the pooled first token', async () => {
    const config: ModelConfig = { ...bert, head: 'none' };
    const hidden = Array.from(await outputs(config, (model, tape, tokens) => model.hiddenStates(tape, tokens)));
    const pooled = await outputs(config, (model, tape, tokens) => model.pooled(tape, tokens));
    const expected = fixture.models['bert-bare'];
    expectClose(hidden.slice(0, 11 * 12), (expected.hidden ?? []).slice(0, 11 * 12), 'hidden');
    expectClose(pooled, expected.pooled ?? [], 'pooled');
  });
});

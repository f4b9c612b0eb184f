import { describe, expect, it } from 'vitest';
import { createReferenceEngine } from '../engine/reference/reference-engine.js';
import { Llama, type LlamaConfig, presets } from '../models/index.js';
import { countPredicted, evaluateBatch, type HostBatch } from './host-batch.js';
import { makePlan } from './recipes.js';
import { TrainingProgram } from './training-program.js';

const config: LlamaConfig = {
  ...presets['llama-260k'],
  vocabSize: 13,
  hiddenSize: 8,
  intermediateSize: 12,
  numHiddenLayers: 1,
  numAttentionHeads: 2,
  numKeyValueHeads: 2,
  initializerRange: 0.4,
};

/** Two sequences of four tokens, of which this many are predicted. */
function batchOf(predicted: number, first = 0): HostBatch {
  return {
    inputs: Int32Array.from({ length: 8 }, (_, i) => (5 * i + first) % 13),
    targets: Int32Array.from({ length: 8 }, (_, i) => (i < predicted ? (7 * i + first + 2) % 13 : -100)),
    batch: 2,
    sequenceLength: 4,
  };
}

/** Loss of one step over the micro-batches, evaluation of each before it, and the weights after it. */
async function step(microBatches: readonly HostBatch[]) {
  using engine = createReferenceEngine();
  using model = new Llama(engine, config, 4);
  model.initialize(2);
  const optimizer = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, epsilonForm: 'standard', weightDecay: 0 } as const;
  using program = new TrainingProgram(engine, model, makePlan(['full'], { layers: 1 }), { optimizer, seed: 0 });
  const evaluations = [];
  for (const microBatch of microBatches) evaluations.push(await evaluateBatch(engine, model, microBatch));
  const { loss } = await program.step(microBatches, { step: 0, learningRate: 0.01 });
  const [embedding] = model.parameters;
  return { loss, evaluations, embedding: Float64Array.from(await engine.read(embedding.tensor)) };
}

describe('tokens that are not to be predicted', () => {
  it('are not counted', () => {
    expect(countPredicted(batchOf(8))).toBe(8);
    expect(countPredicted(batchOf(3))).toBe(3);
    expect(countPredicted(batchOf(0))).toBe(0);
  });

  it('do not thin out the loss: it is the mean over predicted tokens', async () => {
    const { loss, evaluations } = await step([batchOf(3)]);
    expect(evaluations[0].tokens).toBe(3);
    expect(loss).toBeCloseTo(evaluations[0].loss / 3, 13);
  });
});

describe('micro-batches with unequal numbers of predicted tokens', () => {
  it('give the mean over all tokens of the step, not the mean of their means', async () => {
    const { loss, evaluations } = await step([batchOf(2), batchOf(7, 3)]);
    const [a, b] = evaluations;
    expect(loss).toBeCloseTo((a.loss + b.loss) / 9, 13);
    expect(Math.abs(loss - (a.loss / 2 + b.loss / 7) / 2)).toBeGreaterThan(1e-3);
  });

  it('train as one batch does', async () => {
    const [a, b] = [batchOf(2), batchOf(7, 3)];
    const together: HostBatch = {
      inputs: Int32Array.of(...a.inputs, ...b.inputs),
      targets: Int32Array.of(...a.targets, ...b.targets),
      batch: 4,
      sequenceLength: 4,
    };
    const apart = await step([a, b]);
    const whole = await step([together]);
    expect(apart.loss).toBeCloseTo(whole.loss, 13);
    // Adam divides by √V: rounding of small gradients is amplified, by no more than lr/ε·1e-16.
    for (const [i, value] of whole.embedding.entries()) expect(Math.abs(apart.embedding[i] - value)).toBeLessThan(1e-9);
  });

  it('may have one without any', async () => {
    const { loss, evaluations } = await step([batchOf(0), batchOf(5, 3)]);
    expect(loss).toBeCloseTo(evaluations[1].loss / 5, 13);
  });
});

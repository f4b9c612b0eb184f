import { describe, expect, it } from 'vitest';
import type { Engine } from '../src/engine/index.js';
import { deriveKey, threefry, uniform } from '../src/engine/index.js';
import { createReferenceEngine } from '../src/engine/reference/reference-engine.js';
import { type ModelConfig, modelShapes, type TrainableModel } from '../src/models/index.js';
import { type HostBatch, type RecipeOptions, saveModes } from '../src/plan/index.js';
import {
  gradientOf,
  oddConfig,
  oddSizes,
  relativeError,
  runPass,
  tinyBatch,
  tinyBert,
  tinyConfig,
  tinyGpt2,
  tinyPlan,
  tinyRoberta,
} from './support/tiny.js';

/** Moves every weight of the named parameter by step·direction. */
function move(engine: Engine, name: string, direction: Float64Array, step: number) {
  return async (model: TrainableModel) => {
    for (const parameter of model.parameters) {
      if (parameter.name !== name) continue;
      const values = await engine.read(parameter.tensor);
      engine.write(
        parameter.tensor,
        Float64Array.from(values, (value, i) => value + step * direction[i]),
      );
    }
  };
}

function randomDirection(length: number, stream: number): Float64Array {
  const key = deriveKey(3, 'sampling', stream, 0);
  return Float64Array.from({ length }, (_, i) => 2 * uniform(threefry(key, i, 0)[0]) - 1);
}

async function expectTrueGradients(
  config: ModelConfig,
  methods: string,
  saveMode?: (typeof saveModes)[number],
  untrained = 0,
  batches: readonly HostBatch[] = [tinyBatch(config, 2, 5)],
) {
  const engine = createReferenceEngine();
  const plan = tinyPlan(methods, config, saveMode && { saveMode });
  const { gradients } = await runPass(engine, config, plan, batches, { dropout: true });
  expect(gradients.size).toBe(modelShapes(config).size - untrained);
  const step = 1e-4;
  for (const [index, [name, gradient]] of [...gradients].entries()) {
    const direction = randomDirection(gradient.length, index);
    const lossAt = async (distance: number) =>
      (
        await runPass(engine, config, plan, batches, {
          prepare: move(engine, name, direction, distance),
          backward: false,
          dropout: true,
        })
      ).loss;
    // Fourth-order central difference: the truncation error is O(step⁴), rounding O(1e-16/step).
    const numeric =
      (8 * ((await lossAt(step)) - (await lossAt(-step))) - ((await lossAt(2 * step)) - (await lossAt(-2 * step)))) /
      (12 * step);
    const analytic = gradient.reduce((sum: number, g, i) => sum + g * direction[i], 0);
    expect(Math.abs(numeric - analytic), `${name}: ${numeric} against ${analytic}`).toBeLessThan(
      1e-9 * Math.max(1, Math.abs(analytic)),
    );
  }
  engine.dispose();
}

describe('gradients of a whole model agree with finite differences in float64', () => {
  it('when everything is saved', () => expectTrueGradients(oddConfig, 'full'));
  it('when only block inputs are saved', () => expectTrueGradients(oddConfig, 'checkpoint'));
  it('when norms share their outputs, whose γ are part of the next weights', () =>
    expectTrueGradients(oddConfig, 'msnorm', undefined, 2 * oddConfig.numHiddenLayers));
  it('with an untied head, fused loss and elementwise replay', () =>
    expectTrueGradients({ ...oddConfig, tieWordEmbeddings: false, numKeyValueHeads: 2 }, 'lean'));

  it('with several documents in a row', () => {
    const host = { ...tinyBatch(oddConfig, 2, 5), documents: Int32Array.from([0, 0, 1, 1, 1, 0, 1, 1, 2, 2]) };
    return expectTrueGradients(oddConfig, 'lean', undefined, 0, [host]);
  });

  it('of a GPT-2 with several documents in a row', () => {
    const config = { ...tinyGpt2, ...oddSizes };
    const host = { ...tinyBatch(config, 2, 5), documents: Int32Array.from([0, 0, 1, 1, 1, 0, 1, 1, 2, 2]) };
    return expectTrueGradients(config, 'lean', undefined, 0, [host]);
  });

  const bert = { ...tinyBert, ...oddSizes };
  const roberta = { ...tinyRoberta, ...oddSizes };
  it.each([
    ['a BERT for classes', bert, 'full'],
    ['a BERT for a regression', { ...bert, head: 'regression', labels: ['score'] }, 'lean'],
    ['a BERT for masked tokens', { ...bert, head: 'masked-lm' }, 'lean'],
    ['the same with full logits', { ...bert, head: 'masked-lm', gelu: 'tanh' }, 'full'],
    ['a RoBERTa for classes', roberta, 'checkpoint'],
    ['a RoBERTa for masked tokens', { ...roberta, head: 'masked-lm' }, 'lean'],
    ['a GPT-2', { ...tinyGpt2, ...oddSizes }, 'lean'],
    ['a GPT-2 with a head of its own', { ...tinyGpt2, ...oddSizes, tieWordEmbeddings: false }, 'full'],
  ] as [string, ModelConfig, string][])('of %s, with dropout', (_, config, methods) =>
    expectTrueGradients(config, methods),
  );
});

describe('documents in one row', () => {
  it.each([
    ['LLaMA', tinyConfig],
    ['GPT-2', tinyGpt2],
  ] as [string, ModelConfig][])('train a %s as if each had a row of its own', async (_, config) => {
    const engine = createReferenceEngine();
    const lengths = [8, 5, 3];
    const whole = tinyBatch(config, 1, 16);
    const documents = Int32Array.from(lengths.flatMap((length, number) => Array<number>(length).fill(number)));
    const starts = lengths.map((_length, number) => documents.indexOf(number));
    const alone = starts.map((from, number) => {
      const to = from + lengths[number];
      const part = { inputs: whole.inputs.slice(from, to), targets: whole.targets.slice(from, to) };
      return { ...part, batch: 1, sequenceLength: lengths[number] };
    });
    const plan = tinyPlan('lean', config);
    const packed = await runPass(engine, config, plan, [{ ...whole, documents }]);
    const apart = await runPass(engine, config, plan, alone);
    // The rotation is by differences of positions, but its tables are f32.
    expect(packed.loss).toBeCloseTo(apart.loss, 9);
    for (const [name, gradient] of apart.gradients) {
      expect(relativeError(gradientOf(packed, name), gradient), name).toBeLessThan(1e-6);
    }
    engine.dispose();
  });
});

describe('every exact way of saving gives the same loss and gradients', () => {
  it.each([
    ['BERT', tinyBert],
    ['RoBERTa', { ...tinyRoberta, head: 'masked-lm' }],
    ['GPT-2', tinyGpt2],
  ] as [string, ModelConfig][])('of a %s with dropout, to the last bit', async (_, config) => {
    const engine = createReferenceEngine();
    const host = [tinyBatch(config, 3, 9)];
    const pass = (options: Partial<RecipeOptions>) =>
      runPass(engine, config, tinyPlan('lean', config, options), host, { dropout: true });
    const eager = await pass({ saveMode: 'eager' });
    for (const options of [
      ...saveModes.map((saveMode) => ({ saveMode })),
      { saveMode: 'block', checkpointEvery: 2 } as const,
    ]) {
      const mode = await pass(options);
      expect(mode.loss).toBe(eager.loss);
      for (const [name, gradient] of eager.gradients) expect(mode.gradients.get(name), name).toEqual(gradient);
    }
  });

  for (const saveMode of saveModes) {
    it(`${saveMode} equals eager to the last bit`, async () => {
      const engine = createReferenceEngine();
      const host = [tinyBatch(tinyConfig, 2, 16)];
      const eager = await runPass(engine, tinyConfig, tinyPlan('lean', tinyConfig, { saveMode: 'eager' }), host);
      const mode = await runPass(engine, tinyConfig, tinyPlan('lean', tinyConfig, { saveMode }), host);
      expect(mode.loss).toBe(eager.loss);
      for (const [name, gradient] of eager.gradients) expect(mode.gradients.get(name), name).toEqual(gradient);
    });
  }

  it('the fused loss equals full logits to rounding, whatever the chunk', async () => {
    const engine = createReferenceEngine();
    const host = [tinyBatch(tinyConfig, 2, 16)];
    const full = await runPass(engine, tinyConfig, tinyPlan('full', tinyConfig), host);
    for (const lossChunk of [1, 7, 32, 1000]) {
      const fused = await runPass(engine, tinyConfig, tinyPlan('lean', tinyConfig, { lossChunk }), host);
      expect(Math.abs(fused.loss - full.loss)).toBeLessThan(1e-12);
      for (const [name, gradient] of full.gradients) {
        expect(relativeError(gradientOf(fused, name), gradient), name).toBeLessThan(1e-12);
      }
    }
  });

  it('saved tensors in bf16 change gradients by no more than the rounding', async () => {
    const engine = createReferenceEngine();
    const host = [tinyBatch(tinyConfig, 2, 16)];
    const plan = tinyPlan('lean', tinyConfig);
    const exact = await runPass(engine, tinyConfig, plan, host);
    const rounded = { ...plan, slots: [...plan.slots, { match: '*.mlp.gate', form: 'bf16' as const }] };
    const bf16 = await runPass(engine, tinyConfig, rounded, host);
    expect(bf16.loss).toBe(exact.loss);
    for (const [name, gradient] of exact.gradients) {
      expect(relativeError(gradientOf(bf16, name), gradient), name).toBeLessThan(2 ** -8);
    }
    expect(bf16.gradients).not.toEqual(exact.gradients);
  });

  it('keeping only every second block input gives the same gradients', async () => {
    const engine = createReferenceEngine();
    const config = { ...tinyConfig, numHiddenLayers: 4 };
    const host = [tinyBatch(config, 1, 8)];
    const every = await runPass(engine, config, tinyPlan('checkpoint', config), host);
    const second = await runPass(engine, config, tinyPlan('checkpoint', config, { checkpointEvery: 2 }), host);
    expect(second.loss).toBe(every.loss);
    for (const [name, gradient] of every.gradients) expect(second.gradients.get(name), name).toEqual(gradient);
  });
});

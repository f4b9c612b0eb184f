import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createDryEngine, InputError } from '../src/engine/index.js';
import { createReferenceEngine } from '../src/engine/reference/reference-engine.js';
import {
  AdaptedModel,
  loadModelWeights,
  openSafetensors,
  readAdapterConfig,
  type TrainableModel,
  toHuggingFaceConfig,
  writeAdapterConfig,
} from '../src/models/index.js';
import { createPlannedModel, predict } from '../src/plan/index.js';
import { Trainer } from '../src/train/index.js';
import { temporaryDirectory } from './support/temporary-directory.js';
import {
  adamSettings,
  gradientOf,
  oddConfig,
  type Pass,
  relativeError,
  runPass,
  tinyBatch,
  tinyConfig,
  tinyPlan,
} from './support/tiny.js';
import { engineHere, runAll, type TinySettings, tinyData, tinySettings, weightsOf } from './support/training.js';

const batches = [tinyBatch(oddConfig, 2, 5)];
const rank = { absolute: 3 };
const c = 16 / 3;

/** A and B of a layer, small and different from zero. */
function factor(name: string, rows: number, columns: number): Float64Array {
  const start = name.length;
  return Float64Array.from({ length: rows * columns }, (_, i) => 0.1 * Math.sin(start + 1.7 * i));
}

function matrix(values: Float64Array, columns: number) {
  return { at: (i: number, j: number) => values[i * columns + j], columns, rows: values.length / columns };
}

type Matrix = ReturnType<typeof matrix>;

function product(a: Matrix, b: Matrix, scale: number): Float64Array {
  return Float64Array.from({ length: a.rows * b.columns }, (_, place) => {
    let sum = 0;
    for (let k = 0; k < a.columns; k++) sum += a.at(Math.floor(place / b.columns), k) * b.at(k, place % b.columns);
    return scale * sum;
  });
}

function transposed(a: Matrix): Matrix {
  return { at: (i, j) => a.at(j, i), columns: a.rows, rows: a.columns };
}

const layers = [0, 1].flatMap((layer) =>
  ['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj', 'self_attn.o_proj', 'mlp.gate_proj', 'mlp.up_proj']
    .concat('mlp.down_proj')
    .map((module) => `model.layers.${layer}.${module}`),
);

async function writeFactors(model: TrainableModel, engine: ReturnType<typeof createReferenceEngine>) {
  if (!(model instanceof AdaptedModel)) throw new Error('no adapters');
  for (const { name, tensor } of model.adapters) {
    engine.write(tensor, factor(name, tensor.shape[0], tensor.shape[1]));
  }
}

/** A pass of the same model whose weights hold W + c·B·A, and a pass with adapters. */
async function bothPasses(methods: string): Promise<{ merged: Pass; adapted: Pass }> {
  const engine = createReferenceEngine();
  const merged = await runPass(engine, oddConfig, tinyPlan('full', oddConfig), batches, {
    prepare: async (model) => {
      for (const { name, tensor } of model.parameters) {
        const module = name.replace(/\.weight$/, '');
        if (!layers.includes(module)) continue;
        const [out, input] = tensor.shape;
        const b = matrix(factor(`${module}.lora_B.weight`, out, 3), 3);
        const a = matrix(factor(`${module}.lora_A.weight`, 3, input), input);
        const added = product(b, a, c);
        const values = Float64Array.from(await engine.read(tensor));
        engine.write(
          tensor,
          values.map((value, i) => value + added[i]),
        );
      }
    },
  });
  const adapted = await runPass(engine, oddConfig, tinyPlan(methods, oddConfig, { rank }), batches, {
    prepare: (model) => writeFactors(model, engine),
  });
  return { merged, adapted };
}

describe('low-rank additions', () => {
  it.each(['full,lora', 'lean,lora', 'checkpoint,lora'])(
    '%s: the loss is that of W + c·B·A; dA = c·Bᵀ·dW and dB = c·dW·Aᵀ',
    async (methods) => {
      const { merged, adapted } = await bothPasses(methods);
      expect(adapted.loss).toBeCloseTo(merged.loss, 12);
      expect([...adapted.gradients.keys()].every((name) => /lora_[AB]/.test(name))).toBe(true);
      expect(adapted.gradients.size).toBe(2 * layers.length);
      for (const module of layers) {
        const dW = gradientOf(merged, `${module}.weight`);
        const dA = gradientOf(adapted, `${module}.lora_A.weight`);
        const dB = gradientOf(adapted, `${module}.lora_B.weight`);
        const [input, out] = [dA.length / 3, dB.length / 3];
        const a = matrix(factor(`${module}.lora_A.weight`, 3, input), input);
        const b = matrix(factor(`${module}.lora_B.weight`, out, 3), 3);
        const gradient = matrix(dW, input);
        expect(relativeError(dA, product(transposed(b), gradient, c)), module).toBeLessThan(1e-10);
        expect(relativeError(dB, product(gradient, transposed(a), c)), module).toBeLessThan(1e-10);
      }
    },
  );

  it('LoRA-FA has the gradients of B alone', async () => {
    const { adapted: lora } = await bothPasses('lean,lora');
    const { adapted } = await bothPasses('lean,lora-fa');
    expect([...adapted.gradients.keys()]).toEqual([...lora.gradients.keys()].filter((name) => /lora_B/.test(name)));
    for (const [name, gradient] of adapted.gradients) expect(gradient).toEqual(lora.gradients.get(name));
  });

  it('start as the model without them', async () => {
    const engine = createReferenceEngine();
    const plain = await runPass(engine, oddConfig, tinyPlan('lean', oddConfig), batches, { backward: false });
    const adapted = await runPass(engine, oddConfig, tinyPlan('lean,lora', oddConfig, { rank }), batches);
    expect(adapted.loss).toBe(plain.loss);
    for (const [name, gradient] of adapted.gradients) {
      expect(
        gradient.some((value) => value !== 0),
        name,
      ).toBe(name.includes('lora_B'));
    }
  });
});

describe('memory of adapters', () => {
  const of = (methods: string) =>
    predict({
      config: tinyConfig,
      plan: tinyPlan(methods, tinyConfig, methods.includes('lora') ? { rank } : {}),
      batch: 2,
      sequenceLength: 32,
      accumulate: 1,
      threads: 1,
      optimizer: adamSettings,
      seed: 0,
    });
  const [n, m, blocks, tokens, r] = [64, 172, 2, 64, 3];

  it('gradients and moments are those of A and B', async () => {
    const { memory } = await of('lean,lora');
    const elements = blocks * (4 * 2 * n * r + 3 * (n + m) * r);
    expect(memory.peakByRole.gradient).toBe(4 * elements);
    expect(memory.peakByRole.optimizer).toBe(8 * elements);
  });

  it('LoRA-FA keeps r numbers per token and layer, and no input of any', async () => {
    const { slots } = await of('full,lora-fa');
    const kept = slots.filter(({ slot }) => /proj/.test(slot));
    expect(kept).toHaveLength(7 * blocks);
    for (const { slot, bytes } of kept) {
      expect(slot.endsWith('.lora_B.input')).toBe(true);
      expect(bytes).toBe(4 * tokens * r);
    }
  });

  it('LoRA on what lean keeps adds only those numbers to it', async () => {
    const [lean, lora] = [await of('lean'), await of('lean,lora')];
    const saved = (run: typeof lean) => run.slots.reduce((sum, { bytes }) => sum + bytes, 0);
    // Below the first adapter nothing is differentiated: no ids, no 1/rms; its input stands for that of the norm.
    expect(saved(lora) - saved(lean)).toBe(7 * blocks * 4 * tokens * r - 4 * tokens - 4 * tokens);
  });
});

describe('adapters are refused with a sentence', () => {
  const build = (options: Parameters<typeof tinyPlan>[2], methods = 'lora') => {
    using engine = createDryEngine({ threads: 1 });
    createPlannedModel(engine, tinyConfig, 8, tinyPlan(methods, tinyConfig, options))[Symbol.dispose]();
  };

  it.each<[string, Parameters<typeof tinyPlan>[2], string, RegExp]>([
    [
      'a layer that is not there',
      { targetModules: ['query'] },
      'lora',
      /no linear layer of the blocks is named "query"/,
    ],
    ['a table', { targetModules: ['embed_tokens'] }, 'lora', /no linear layer of the blocks is named/],
    ['too large a rank', { rank: { absolute: 65 } }, 'lora', /rank 65 is larger than the smaller side/],
    ['a ratio', { rank: { ratio: 0.25 } }, 'lora', /takes a whole number/],
    ['both kinds', {}, 'lora,lora-fa', /exclude each other/],
    ['sketches too', {}, 'compact,lora', /exclude each other/],
    ['targets without adapters', { targetModules: ['q_proj'] }, 'lean', /--target-modules has no meaning/],
  ])('%s', (_, options, methods, sentence) => {
    expect(() => build(options, methods)).toThrow(InputError);
    expect(() => build(options, methods)).toThrow(sentence);
  });
});

describe(`training adapters (${engineHere} engine)`, () => {
  const root = temporaryDirectory();
  const base = join(root, 'base');

  function open(given: TinySettings, name: string, init?: string, threads = 2): Promise<Trainer> {
    const settings = tinySettings({ steps: 6, learningRate: 0.01, ...given });
    return Trainer.open({
      settings,
      data: tinyData(settings),
      engine: engineHere,
      threads,
      directory: join(root, name),
      resume: true,
      ...(init !== undefined && { init }),
    });
  }

  /** A model that the adapters belong to. */
  async function makeBase(): Promise<void> {
    await using trainer = await open({ steps: 1 }, 'base');
    await runAll(trainer);
    writeFileSync(join(base, 'config.json'), JSON.stringify(toHuggingFaceConfig(tinyConfig)));
  }

  const lora: TinySettings = { methods: 'lora', options: { rank, targetModules: ['q_proj', 'down_proj'] } };
  const config = { rank: 3, alpha: 16, targetModules: ['q_proj', 'down_proj'], modulesToSave: [] } as const;

  it('leaves the base as it is, resumes to the same bits, and does not depend on threads', async () => {
    await makeBase();
    const before = readFileSync(join(base, 'model.safetensors'));
    {
      await using straight = await open(lora, 'straight', base);
      await runAll(straight);
      const weights = await weightsOf(straight);
      await using fromBase = await open({ steps: 1 }, 'base');
      for (const [name, values] of await weightsOf(fromBase)) expect(weights.get(name), name).toEqual(values);
    }
    {
      await using first = await open(lora, 'stopped', base, 1);
      await runAll(first, 4);
      await first.save(join(root, 'stopped'));
    }
    await using second = await open(lora, 'stopped', base, 3);
    expect(second.step).toBe(4);
    await runAll(second);
    for (const file of ['adapter_model.safetensors', 'optimizer.safetensors']) {
      expect(readFileSync(join(root, 'stopped', file)).equals(readFileSync(join(root, 'straight', file)))).toBe(true);
    }
    expect(readFileSync(join(base, 'model.safetensors')).equals(before)).toBe(true);
  });

  it.each(['lora', 'lora-fa'])('%s learns two sequences by heart beside random weights', async (methods) => {
    // The frozen head must be able to tell tokens apart: it is drawn wider than usual.
    const settings = tinySettings({
      methods,
      config: { ...tinyConfig, vocabSize: 6, initializerRange: 0.3 },
      learningRate: 0.02,
      steps: 150,
      options: { rank: { absolute: 8 } },
    });
    await using trainer = await Trainer.open({ settings, data: tinyData(settings, 1), engine: engineHere, threads: 1 });
    const losses = (await runAll(trainer)).map(({ loss }) => loss);
    expect(losses[0]).toBeGreaterThan(1);
    expect(Math.min(...losses)).toBeLessThan(0.1);
  });

  it("has PEFT's names and shapes", async () => {
    using file = openSafetensors(join(root, 'straight', 'adapter_model.safetensors'));
    expect(file.tensors.size).toBe(8);
    const at = 'base_model.model.model.layers.1.mlp.down_proj';
    expect(file.tensors.get(`${at}.lora_A.weight`)?.shape).toEqual([3, 172]);
    expect(file.tensors.get(`${at}.lora_B.weight`)?.shape).toEqual([64, 3]);
    await writeAdapterConfig(join(root, 'straight'), { ...config, base, taskType: 'CAUSAL_LM' });
    expect(readAdapterConfig(join(root, 'straight'))).toEqual({ ...config, base, taskType: 'CAUSAL_LM' });
  });

  it('merged into its base it gives the loss it was trained to', async () => {
    const settings = tinySettings(lora);
    const held = [tinyBatch(tinyConfig, 2, 16, 99)];
    await using trained = await open(lora, 'straight', base);
    const { loss } = await trained.evaluate(held);
    await using merged = await open({ steps: 1 }, 'merged', join(root, 'straight'));
    await using plain = await open({ steps: 1 }, 'plain', base);
    expect((await merged.evaluate(held)).loss).toBeCloseTo(loss, 5);
    expect(Math.abs((await plain.evaluate(held)).loss - loss)).toBeGreaterThan(1e-3);
    expect(settings.plan.adapters?.trainDown).toBe(true);
  });

  it('is refused for another base, of the same shape or another', async () => {
    const other = join(root, 'other');
    cpSync(base, other, { recursive: true });
    {
      await using trainer = await open({ steps: 2 }, 'other');
      await runAll(trainer);
    }
    const stray = join(root, 'stray');
    cpSync(join(root, 'straight'), stray, { recursive: true });
    await writeAdapterConfig(stray, { ...config, base: other, taskType: 'CAUSAL_LM' });
    using engine = createReferenceEngine();
    using model = createPlannedModel(engine, tinyConfig, 16, tinyPlan('lean', tinyConfig));
    await expect(loadModelWeights(engine, model, stray)).rejects.toThrow(/was trained on other weights than these/);
    await writeAdapterConfig(stray, { ...config, rank: 4, base, taskType: 'CAUSAL_LM' });
    await expect(loadModelWeights(engine, model, stray)).rejects.toThrow(/expected \[4, /);
    await writeAdapterConfig(stray, { ...config, base: 'nowhere', taskType: 'CAUSAL_LM' });
    await expect(loadModelWeights(engine, model, stray)).rejects.toThrow(/belongs to the model "nowhere"/);
    expect(model.parameters.every(({ adapter, trainable }) => adapter === undefined && trainable)).toBe(true);
  });
});

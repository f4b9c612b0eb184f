import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createReferenceEngine } from '../src/engine/reference/reference-engine.js';
import { createModel, type ModelConfig, openSafetensors, type TrainableModel } from '../src/models/index.js';
import { predict, type RecipeOptions } from '../src/plan/index.js';
import { Trainer } from '../src/train/index.js';
import {
  adamSettings,
  gradientOf,
  oddConfig,
  oddSizes,
  type Pass,
  relativeError,
  runPass,
  tinyBatch,
  tinyBert,
  tinyConfig,
  tinyGpt2,
  tinyPlan,
  tinyRoberta,
} from './support/tiny.js';
import { engineHere, runAll, type TinySettings, tinyData, tinySettings } from './support/training.js';

const bf16 = { dtype: 'bf16' } as const;

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'compact-bf16-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

async function predicted(methods: string, options: Parameters<typeof tinyPlan>[2]) {
  const plan = tinyPlan(methods, tinyConfig, options);
  const shape = { batch: 2, sequenceLength: 32, accumulate: 2, threads: 1 };
  return (await predict({ config: tinyConfig, plan, ...shape, optimizer: adamSettings, seed: 0 })).memory;
}

describe('bf16 halves', () => {
  it.each(['lean', 'full', 'checkpoint', 'compact', 'full,compact'])(
    'weights, gradients and what forward keeps, statistics apart: %s',
    async (methods) => {
      const wide = await predicted(methods, {});
      const narrow = await predicted(methods, bf16);
      expect(narrow.peakByRole.weight).toBe(wide.peakByRole.weight / 2);
      expect(narrow.peakByRole.gradient).toBe(wide.peakByRole.gradient / 2);
      expect(narrow.peakByRole.optimizer).toBe(wide.peakByRole.optimizer);
      // Log-sum-exp of 4 heads and rstd of 5 norms, per token, and ids stay 4 bytes each.
      const statistics = 4 * 64 * (2 * (4 + 2) + 1 + 1);
      expect(narrow.peakByRole.saved).toBeGreaterThanOrEqual(wide.peakByRole.saved / 2);
      expect(narrow.peakByRole.saved).toBeLessThanOrEqual(wide.peakByRole.saved / 2 + statistics / 2);
    },
  );

  it('moments where it is told to, and adds an f32 copy of the weights where it is told to', async () => {
    const usual = await predicted('lean', bf16);
    const moments = await predicted('lean', { ...bf16, momentDtype: 'bf16' });
    const master = await predicted('lean', { ...bf16, masterWeights: true });
    expect(moments.peakByRole.optimizer).toBe(usual.peakByRole.optimizer / 2);
    expect(master.peakByRole.optimizer).toBe(usual.peakByRole.optimizer + 2 * usual.peakByRole.weight);
  });
});

/** Small models of each kind; initial weights that are not too small for gradients to be more than noise. */
const kinds: readonly (readonly [string, ModelConfig])[] = [
  ['a LLaMA', oddConfig],
  ['a BERT', { ...tinyBert, ...oddSizes }],
  ['a BERT for a regression', { ...tinyBert, ...oddSizes, head: 'regression', labels: ['score'] }],
  ['a RoBERTa for masked tokens', { ...tinyRoberta, ...oddSizes, head: 'masked-lm' }],
  ['a GPT-2', { ...tinyGpt2, ...oddSizes }],
];

describe('gradients in bf16', () => {
  const cases = kinds.flatMap(([name, config]) =>
    ['lean', 'full', 'checkpoint'].map((methods): [string, string, ModelConfig] => [methods, name, config]),
  );
  it.each(cases)('are those in f32 up to rounding: %s of %s', async (methods, _, config) => {
    using engine = createReferenceEngine();
    const batches = [tinyBatch(config, 2, 6)];
    const weights = new Map<string, Float64Array>();
    const narrow = await runPass(engine, config, tinyPlan(methods, config, bf16), batches, {
      prepare: async (model) => {
        for (const { name, tensor } of model.parameters) {
          weights.set(name, Float64Array.from(await engine.read(tensor)));
        }
      },
    });
    const wide = await runPass(engine, config, tinyPlan(methods, config), batches, {
      prepare: (model) => {
        for (const { name, tensor } of model.parameters) engine.write(tensor, weights.get(name) ?? new Float64Array());
      },
    });
    expect(Math.abs(narrow.loss - wide.loss)).toBeLessThan(0.03 * Math.max(1, wide.loss));
    for (const name of wide.gradients.keys()) {
      // A bias of keys moves all scores of a query alike: its gradient is 0 but for rounding.
      if (name.endsWith('k_proj.bias')) continue;
      const error = relativeError(gradientOf(narrow, name), gradientOf(wide, name));
      // A few roundings of relative 2^-9 on the way through two blocks; more than nothing, or nothing was stored in bf16.
      expect(error, name).toBeLessThan(0.06);
      expect(error, name).toBeGreaterThan(1e-4);
    }
  });
});

/** Gradients of the blocks' weights in bf16 and, from the same weights, in f32. */
async function bothWays(methods: string, options: Partial<RecipeOptions>) {
  using engine = createReferenceEngine();
  const batches = [tinyBatch(tinyConfig, 2, 24)];
  const weights = new Map<string, Float64Array>();
  const run = (more: Partial<RecipeOptions>, prepare: (model: TrainableModel) => Promise<void>) =>
    runPass(engine, tinyConfig, tinyPlan(methods, tinyConfig, { ...options, ...more }), batches, { prepare });
  const narrow = await run(bf16, async ({ parameters }) => {
    for (const { name, tensor } of parameters) weights.set(name, Float64Array.from(await engine.read(tensor)));
  });
  const wide = await run({}, async ({ parameters }) => {
    for (const { name, tensor } of parameters) engine.write(tensor, weights.get(name) ?? new Float64Array());
  });
  return { narrow, wide };
}

describe('forms and gradients of methods in bf16', () => {
  it.each([
    ['mesa', {}, 0.06],
    // A code that falls the other way is a whole step of 1/15 of a group's range.
    ['full,mesa', { bits: 4 }, 0.2],
    ['velora', { groups: 4 }, 0.06],
    ['token-sketch', { tokenRatio: 0.5 }, 0.06],
    // So is an entry near 0 that changes its level.
    ['approxbp', {}, 0.1],
    ['msnorm', {}, 0.06],
    ['full,compact', { projection: 'rademacher' }, 0.06],
    ['prac', {}, 0.2],
    ['lora', { rank: { absolute: 4 } }, 0.06],
  ] as const)('are those in f32 up to rounding: %s', async (methods, options, most) => {
    const { narrow, wide } = await bothWays(methods, options);
    expect(Math.abs(narrow.loss - wide.loss)).toBeLessThan(0.03);
    expect([...narrow.gradients.keys()]).toEqual([...wide.gradients.keys()]);
    for (const name of wide.gradients.keys()) {
      const error = relativeError(gradientOf(narrow, name), gradientOf(wide, name));
      expect(error, name).toBeLessThan(most);
    }
  });

  it('take half the bytes for what sub-tokens and mixtures of tokens keep', async () => {
    for (const [methods, form] of [
      ['velora', 'subtoken'],
      ['token-sketch', 'token-sketch'],
    ] as const) {
      const { narrow, wide } = await bothWays(methods, methods === 'velora' ? { groups: 4 } : {});
      const bytes = ({ slots }: Pass) => slots.reduce((sum, one) => sum + (one.form === form ? one.bytes : 0), 0);
      expect(bytes(wide)).toBeGreaterThan(0);
      expect(bytes(narrow)).toBe(bytes(wide) / 2);
    }
  });
});

/** Losses of a short run. */
async function losses(given: TinySettings): Promise<number[]> {
  const settings = tinySettings({ steps: 40, learningRate: 3e-3, ...given });
  await using trainer = await Trainer.open({ settings, data: tinyData(settings, 4), engine: engineHere, threads: 1 });
  return (await runAll(trainer)).map(({ loss }) => loss);
}

describe('training in bf16', () => {
  const usual = losses({ methods: 'lean' });

  it.each([
    ['stochastic rounding', {}],
    ['moments in bf16', { momentDtype: 'bf16' }],
    ['master weights', { masterWeights: true }],
  ] as const)('goes the way of f32: %s', async (_, options) => {
    const wide = await usual;
    const narrow = await losses({ methods: 'lean', options: { ...bf16, ...options } });
    expect(narrow.at(-1)).toBeLessThan(0.8 * narrow[0]);
    for (const [step, loss] of narrow.entries()) expect(Math.abs(loss - wide[step])).toBeLessThan(0.02 * wide[0]);
  });

  it('writes weights in bf16 and moments in what they are stored in, and the same weights come back', async () => {
    const settings = tinySettings({ methods: 'lean', options: { ...bf16, masterWeights: true }, steps: 2 });
    const directory = join(root, 'run');
    const open = (init?: string) =>
      Trainer.open({
        settings,
        data: tinyData(settings),
        engine: engineHere,
        threads: 1,
        ...(init === undefined ? { directory } : { init }),
      });
    await using trainer = await open();
    await runAll(trainer);
    using weights = openSafetensors(join(directory, 'model.safetensors'));
    using state = openSafetensors(join(directory, 'optimizer.safetensors'));
    for (const { dtype } of weights.tensors.values()) expect(dtype).toBe('BF16');
    for (const { dtype } of state.tensors.values()) expect(dtype).toBe('F32');
    await using again = await open(directory);
    for (const [index, { tensor }] of trainer.model.parameters.entries()) {
      const loaded = await again.engine.read(again.model.parameters[index].tensor);
      expect(loaded).toEqual(await trainer.engine.read(tensor));
    }
  });
});

describe('a model in f32', () => {
  it('is rounded when it is loaded into bf16', async () => {
    const settings = tinySettings({ methods: 'lean', steps: 1 });
    const directory = join(root, 'wide');
    await using wide = await Trainer.open({ settings, data: tinyData(settings), engine: engineHere, directory });
    await runAll(wide);
    const narrow = tinySettings({ methods: 'lean', options: bf16, steps: 1 });
    await using trainer = await Trainer.open({
      settings: narrow,
      data: tinyData(narrow),
      engine: engineHere,
      init: directory,
    });
    using engine = createReferenceEngine();
    using expected = createModel(engine, tinyConfig, 4, 'bf16');
    for (const [index, { tensor }] of expected.parameters.entries()) {
      engine.write(tensor, await wide.engine.read(wide.model.parameters[index].tensor));
      const loaded = await trainer.engine.read(trainer.model.parameters[index].tensor);
      expect(Float64Array.from(loaded)).toEqual(await engine.read(tensor));
    }
  });
});

import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDryEngine, type Engine, InputError } from '../src/engine/index.js';
import { createNativeEngine } from '../src/engine/native/native-engine.js';
import { createReferenceEngine } from '../src/engine/reference/reference-engine.js';
import { PlanError, Projections, SlotKeeper, Subtokens } from '../src/keep/index.js';
import type { ModelConfig } from '../src/models/index.js';
import { createPlannedModel, predict, resolvePlan } from '../src/plan/index.js';
import { Tape } from '../src/tape/index.js';
import { Trainer, type TrainerOptions } from '../src/train/index.js';
import {
  adamSettings,
  gradientOf,
  keeperMeans,
  relativeError,
  runPass,
  tinyBatch,
  tinyBert,
  tinyGpt2,
  tinyPlan,
  tinyRoberta,
} from './support/tiny.js';
import { nativeMissing, nativeTitle, runAll, shaped, tinyData, tinySettings, weightsOf } from './support/training.js';

const config = shaped({ numHiddenLayers: 6, hiddenSize: 24, intermediateSize: 50 });
const methods = [
  'offload',
  'full,offload',
  'offload,checkpoint',
  'offload,compact',
  'offload,msnorm',
  'offload,fused-update',
];

/** Norms with a β, GELU, dropout; of BERT and RoBERTa a norm ends each block. */
const others = [tinyGpt2, tinyBert, tinyRoberta].map((model): [string, ModelConfig] => [
  model.modelType,
  { ...model, numHiddenLayers: 5 },
]);

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'compact-offload-test-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

type Options = { readonly offloadFraction?: number; readonly model?: ModelConfig };

function open(
  names: string,
  offload: TrainerOptions['offload'],
  { offloadFraction = 1, model = config }: Options = {},
) {
  const options = names.includes('offload') ? { offloadFraction } : {};
  const shape = { steps: 4, batch: 3, sequenceLength: 16 };
  const settings = tinySettings({ methods: names, config: model, options, ...shape });
  return Trainer.open({ settings, data: tinyData(settings), engine: 'native', threads: 2, offload });
}

async function train(names: string, options?: Options) {
  await using trainer = await open(names, { directory }, options);
  const losses = (await runAll(trainer)).map(({ loss }) => loss);
  return { losses, weights: await weightsOf(trainer) };
}

const withoutOffload = (names: string) =>
  names
    .split(',')
    .filter((name) => name !== 'offload')
    .join(',') || 'lean';

describe.skipIf(nativeMissing)(nativeTitle('tensors on a file'), () => {
  it.each(methods)('come back with the bits they left with: %s', async (names) => {
    const stayed = await train(withoutOffload(names));
    for (const fraction of [1, 0.37, 0]) {
      expect(await train(names, { offloadFraction: fraction })).toEqual(stayed);
    }
  });

  it.each(others)('of a model of other structure too: %s', async (_, model) => {
    for (const names of ['offload', 'full,offload', 'offload,checkpoint']) {
      const stayed = await train(withoutOffload(names), { model });
      for (const offloadFraction of [1, 0.37]) {
        expect(await train(names, { offloadFraction, model }), `${names} ${offloadFraction}`).toEqual(stayed);
      }
    }
  });

  it('leave no file behind, during a run or after it', async () => {
    await using trainer = await open('offload', { directory });
    for await (const _ of trainer.run()) expect(await readdir(directory)).toEqual([]);
  });

  it('are refused where there is no directory, none that exists, or none that is a directory', async () => {
    await expect(open('offload', undefined)).rejects.toThrow(
      'the plan offloads tensors, but no directory for them is given',
    );
    for (const wrong of [join(directory, 'nowhere'), import.meta.filename]) {
      const failed = open('offload', { directory: wrong });
      await expect(failed).rejects.toBeInstanceOf(InputError);
      await expect(failed).rejects.toThrow(/cannot be offloaded to: (No such file|Not a directory)/);
    }
  });

  it('are refused where the disk has no room for them', async () => {
    using engine = createNativeEngine({ threads: 1 });
    const open = () => engine.openSpill({ directory, bytes: 2 ** 52 });
    expect(open).toThrow(InputError);
    expect(open).toThrow(/has no room for the 4294967296 MiB to offload/);
  });

  it('are refused where the disk is slower than was assumed', async () => {
    await expect(open('offload', { directory, bandwidth: 1e15 })).rejects.toThrow(
      /takes \d+ MB\/s, slower than the 1000000000 MB\/s/,
    );
    await (await open('offload', { directory, bandwidth: 1 }))[Symbol.asyncDispose]();
  });

  it('need no directory for a plan that offloads nothing', async () => {
    await (await open('lean', undefined))[Symbol.asyncDispose]();
  });
});

describe('the bytes of offloaded tensors', () => {
  const tokens = 2 * 8;
  const [n, m, blocks] = [24, 50, 4];
  const predictTiny = (names: string, offloadFraction: number) => {
    const plan = tinyPlan(names, config, { offloadFraction });
    const request = { config, plan, batch: 2, sequenceLength: 8, accumulate: 1, threads: 1, seed: 0 };
    return predict({ ...request, optimizer: adamSettings });
  };

  it.each([
    ['offload', 1, 6 * n + 2 * m],
    ['offload', 0, 2 * n],
    ['offload', 0.25, 2 * n + 0.25 * (4 * n + 2 * m)],
    ['full,offload', 1, 10 * n + 4 * m],
    ['offload,checkpoint', 1, n],
  ] as const)(
    'are the formula on the slower tier, for all blocks but two: %s, %s',
    async (names, fraction, perToken) => {
      const { memory } = await predictTiny(names, fraction);
      expect(memory.peakByRole.host).toBe(4 * tokens * blocks * perToken);
      expect(memory.liveByRole.host).toBe(0);
      expect(memory.byRole.host, 'the slower tier is no part of the peak').toBe(0);
    },
  );

  it.each(others)(
    'are all of a block, what it starts from included, and whole where dropout was: %s',
    async (_, model) => {
      const { hiddenSize, intermediateSize, numHiddenLayers } = model;
      const request = { config: model, batch: 2, sequenceLength: 8, accumulate: 1, threads: 1, seed: 0 };
      for (const offloadFraction of [1, 0.25]) {
        const plan = tinyPlan('offload', model, { offloadFraction });
        const { memory } = await predict({ ...request, plan, optimizer: adamSettings });
        const perToken = 3 * hiddenSize + offloadFraction * (3 * hiddenSize + intermediateSize);
        expect(memory.peakByRole.host).toBe(4 * tokens * (numHiddenLayers - 2) * perToken);
        expect(memory.liveByRole.host).toBe(0);
      }
    },
  );

  it('need somewhere to go', () => {
    using engine = createDryEngine({ threads: 1 });
    const plan = tinyPlan('offload', config);
    using model = createPlannedModel(engine, config, 8, plan);
    const resolved = resolvePlan(plan, model);
    using projections = new Projections(engine, 1, Number.POSITIVE_INFINITY, []);
    using subtokens = new Subtokens(engine, []);
    const keeper = new SlotKeeper(resolved, keeperMeans(engine, projections, subtokens));
    const tape = new Tape(engine, keeper);
    const slot = 'layers.0.self_attn.query';
    const value = tape.input(slot, engine.allocate({ shape: [8, n], role: 'data', name: slot }));
    expect(() => tape.keep(slot, value)).toThrow(PlanError);
    expect(() => tape.keep(slot, value)).toThrow(`"${slot}" is to be offloaded, but there is nowhere to`);
    tape.release(value);
  });

  it('are no longer in memory: it grows with two blocks, not with all', async () => {
    const saved = async (layers: number) => {
      const deep = { ...config, numHiddenLayers: layers };
      const request = { batch: 8, sequenceLength: 64, accumulate: 1, threads: 1, seed: 0, optimizer: adamSettings };
      const bytes = async (names: string) => {
        const { memory } = await predict({ ...request, config: deep, plan: tinyPlan(names, deep) });
        return memory.peakByRole.saved;
      };
      return { lean: await bytes('lean'), offload: await bytes('offload') };
    };
    const [six, twelve] = [await saved(6), await saved(12)];
    const block = 4 * 8 * 64 * (6 * n + 2 * m);
    const statistics = 4 * 8 * 64 * (4 + 2);
    expect(twelve.lean - six.lean).toBe(6 * (block + statistics));
    expect(twelve.offload - six.offload).toBe(6 * statistics);
  });

  it('are the same on the dry and the reference engine, and gradients those of lean', async () => {
    const host = [tinyBatch(config, 2, 8)];
    const run = async (engine: Engine, names: string) => {
      const pass = await runPass(engine, config, tinyPlan(names, config), host);
      const reading = engine.ledger.read();
      engine.dispose();
      return { ...pass, reading };
    };
    const lean = await run(createReferenceEngine(), 'lean');
    const moved = await run(createReferenceEngine(), 'offload');
    expect(moved.reading).toEqual((await run(createDryEngine({ threads: 1 }), 'offload')).reading);
    expect(moved.loss).toBe(lean.loss);
    for (const name of lean.gradients.keys()) {
      expect(relativeError(gradientOf(moved, name), gradientOf(lean, name)), name).toBe(0);
    }
  });
});

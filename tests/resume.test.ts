import { cp, mkdir, mkdtemp, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { hasCheckpoint, Trainer } from '../src/train/index.js';
import { tinyBert, tinyGpt2, tinyRoberta } from './support/tiny.js';
import {
  nativeMissing,
  nativeTitle,
  runAll,
  shaped,
  type TinySettings,
  tinyData,
  tinySettings,
} from './support/training.js';

const files = ['model.safetensors', 'optimizer.safetensors', 'trainer_state.json'] as const;

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'compact-resume-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

/** Opens a run of twelve steps in a directory below the test's own; data differ from step to step. */
function open(given: TinySettings, name: string, resume = true): Promise<Trainer> {
  const settings = tinySettings({ steps: 12, ...given });
  return Trainer.open({
    settings,
    data: tinyData(settings),
    engine: 'native',
    threads: 2,
    directory: join(root, name),
    offload: { directory: root },
    resume,
  });
}

/** Trains up to a step, saves there, and drops the trainer, as an interrupt does. */
async function trainUntil(step: number, given: TinySettings, name: string): Promise<void> {
  await using trainer = await open(given, name);
  await runAll(trainer, step);
  await trainer.save(join(root, name));
}

async function finish(given: TinySettings, name: string): Promise<readonly number[]> {
  await using trainer = await open(given, name);
  return (await runAll(trainer)).map(({ loss }) => loss);
}

async function expectSameFiles(a: string, b: string) {
  for (const file of files) {
    const same = (await readFile(join(root, a, file))).equals(await readFile(join(root, b, file)));
    expect(same, `${a}/${file} equals ${b}/${file}`).toBe(true);
  }
}

/** Projections are made anew after steps 4 and 8. */
const compact: TinySettings = { methods: 'compact', options: { updateGap: 4 } };

const narrow = { dtype: 'bf16', updateGap: 4 } as const;

const runs: [string, TinySettings][] = [
  ['compact', compact],
  ['galore', { methods: 'galore', options: { updateGap: 4 } }],
  ['apollo', { methods: 'apollo', options: { updateGap: 4 } }],
  ['apollo-mini', { methods: 'apollo-mini', options: { updateGap: 4 } }],
  ['compact-plus', { methods: 'compact-plus', options: { updateGap: 4 } }],
  ['galore and adam8bit', { methods: 'galore,adam8bit', options: { updateGap: 4 } }],
  ['offloading', { methods: 'offload,compact', options: { updateGap: 4 }, config: shaped({ numHiddenLayers: 4 }) }],
  ['a staggered refresh', { methods: 'compact', options: { updateGap: 4, refresh: 'staggered' } }],
  ['prac, whose bases are saved', { methods: 'prac', options: { updateGap: 4 } }],
  ['a compressed basis', { methods: 'compact', options: { basis: 'range-finder', updateGap: 4 } }],
  ['reset moments', { methods: 'compact', options: { moments: 'reset', warmRestart: 3, updateGap: 4 } }],
  ['transported moments', { methods: 'compact', options: { moments: 'transport', updateGap: 4 } }],
  ['srht', { methods: 'compact', options: { updateGap: 4, projection: 'srht' } }],
  ['orthonormal', { methods: 'compact', options: { updateGap: 4, projection: 'orthonormal' } }],
  ['shared, two micro-batches', { methods: 'compact-shared', options: { updateGap: 4 }, accumulate: 2 }],
  ['lean, clipped', { methods: 'lean', clip: 0.5, optimizer: { ...tinySettings().optimizer, weightDecay: 0.1 } }],
  ['adam8bit, compact', { methods: 'adam8bit,compact', options: { updateGap: 4, blockSize: 64 } }],
  ['adam-mini', { methods: 'adam-mini' }],
  ['adafactor', { methods: 'adafactor', options: { momentum: 0.9 } }],
  ['lomo', { methods: 'lomo' }],
  ['badam', { methods: 'badam', options: { switchEvery: 2 } }],
  ['muon, compact', { methods: 'muon,compact', options: { updateGap: 4 } }],
  ['velora', { methods: 'velora', options: { groups: 7 }, accumulate: 2 }],
  ['mesa in 4 bits', { methods: 'mesa', options: { bits: 4 }, accumulate: 2 }],
  ['token-sketch', { methods: 'token-sketch', accumulate: 2 }],
  ['approxbp', { methods: 'approxbp' }],
  ['msnorm', { methods: 'msnorm' }],
  ['bf16', { methods: 'lean', options: { dtype: 'bf16', momentDtype: 'bf16' } }],
  ['bf16 with master weights', { methods: 'compact', options: { dtype: 'bf16', masterWeights: true, updateGap: 4 } }],
  ['bf16, sparse, adam8bit', { methods: 'compact,adam8bit', options: { ...narrow, projection: 'sparse' } }],
  ['bf16, srht, muon', { methods: 'compact,muon', options: { ...narrow, projection: 'srht' } }],
  ['bf16, mesa and velora', { methods: 'mesa,velora', options: { dtype: 'bf16', groups: 7 }, accumulate: 2 }],
  ['bf16, token-sketch and approxbp', { methods: 'token-sketch,approxbp', options: { dtype: 'bf16' } }],
  ['bf16, msnorm', { methods: 'msnorm', options: { dtype: 'bf16' } }],
  ['bf16, galore', { methods: 'galore', options: narrow }],
  ['bf16, apollo', { methods: 'apollo', options: narrow }],
  ['bf16, prac, whose bases are saved', { methods: 'prac', options: narrow }],
  [
    'bf16, a staggered refresh',
    { methods: 'compact', options: { ...narrow, refresh: 'staggered', momentDtype: 'bf16' } },
  ],
  [
    'bf16, transported moments',
    { methods: 'compact', options: { ...narrow, moments: 'transport', momentDtype: 'bf16' } },
  ],
  ['bf16, badam', { methods: 'badam', options: { dtype: 'bf16', momentDtype: 'bf16', switchEvery: 2 } }],
  ['bf16, adafactor', { methods: 'adafactor', options: { dtype: 'bf16' } }],
  ['bf16, adam-mini', { methods: 'adam-mini', options: { dtype: 'bf16' } }],
  ['an encoder with dropout', { methods: 'compact', config: tinyBert, options: { updateGap: 4 } }],
  ['an encoder of masked tokens', { methods: 'full', config: { ...tinyRoberta, head: 'masked-lm' } }],
  ['a GPT-2', { methods: 'lean', config: tinyGpt2, accumulate: 2 }],
  ['an encoder in bf16, with dropout', { methods: 'compact', config: tinyBert, options: narrow }],
  ['a GPT-2 in bf16', { methods: 'full', config: tinyGpt2, options: { dtype: 'bf16' }, accumulate: 2 }],
  ['fused', { methods: 'compact,fused-update', options: { updateGap: 4 } }],
];

describe.skipIf(nativeMissing)(nativeTitle('a stopped and resumed run has the bits of an uninterrupted one'), () => {
  describe.each(runs)('%s', (label, given) => {
    it('when stopped before, at and after the projections are made anew, and at other steps', async () => {
      const straight = await finish(given, `${label}/straight`);
      expect(straight).toHaveLength(12);
      for (const stop of [1, 3, 4, 5, 9]) {
        await trainUntil(stop, given, `${label}/${stop}`);
        expect(await finish(given, `${label}/${stop}`), `stopped after ${stop}`).toEqual(straight.slice(stop));
        await expectSameFiles(`${label}/${stop}`, `${label}/straight`);
      }
    });
  });

  it('when stopped by a signal, during a step or while its report is read', async () => {
    await finish(compact, 'signal/straight');
    for (const [stop, during] of [
      [2, true],
      [7, false],
    ] as const) {
      const controller = new AbortController();
      const settings = tinySettings({ steps: 12, ...compact });
      const batches = tinyData(settings);
      const data = {
        ...batches,
        batch: (index: number) => {
          if (during && index === stop - 1) controller.abort();
          return batches.batch(index);
        },
      };
      const directory = join(root, 'signal/stopped');
      await using trainer = await Trainer.open({
        settings,
        data,
        engine: 'native',
        threads: 2,
        directory,
        resume: true,
      });
      for await (const { step, saved } of trainer.run(controller.signal)) {
        expect(saved).toBe(during && step === stop);
        if (step === stop) controller.abort();
      }
      expect(trainer.step).toBe(stop);
    }
    expect(await finish(compact, 'signal/stopped')).toHaveLength(5);
    await expectSameFiles('signal/stopped', 'signal/straight');
  });

  it('when killed between checkpoints: it goes on from the last one', async () => {
    const straight = await finish(compact, 'killed/straight');
    const settings = tinySettings({ steps: 12, ...compact });
    const directory = join(root, 'killed/stopped');
    {
      const options = {
        settings,
        data: tinyData(settings),
        engine: 'native',
        threads: 1,
        directory,
        saveEvery: 3,
      } as const;
      await using trainer = await Trainer.open(options);
      await runAll(trainer, 8);
    }
    expect(await finish(compact, 'killed/stopped')).toEqual(straight.slice(6));
    await expectSameFiles('killed/stopped', 'killed/straight');
  });

  it('and evaluation in between changes nothing', async () => {
    await finish(compact, 'evaluated/straight');
    await using trainer = await open(compact, 'evaluated/with');
    for await (const _ of trainer.run()) {
      await trainer.evaluate([{ ...tinyData(tinySettings()).batch(99), batch: 2, sequenceLength: 16 }]);
    }
    await expectSameFiles('evaluated/with', 'evaluated/straight');
  });

  it('a run without a checkpoint starts anew, and one that has more steps to go takes them', async () => {
    expect(await hasCheckpoint(join(root, 'nowhere'))).toBe(false);
    await finish({ ...compact, steps: 5 }, 'longer');
    expect(await finish(compact, 'longer')).toHaveLength(7);
    expect(await finish(compact, 'longer')).toHaveLength(0);
  });
});

describe.skipIf(nativeMissing)(nativeTitle('a kill at any moment of saving leaves one whole checkpoint'), () => {
  let straight: readonly number[];
  beforeAll(async () => {
    straight = await finish(compact, 'crash/straight');
    await trainUntil(3, compact, 'crash/old');
    await trainUntil(5, compact, 'crash/new');
  });

  /** The old checkpoint with files of the new one staged beside it. */
  async function stage(name: string, staged: readonly string[], complete: boolean): Promise<string> {
    const directory = join(root, 'crash', name);
    await cp(join(root, 'crash/old'), directory, { recursive: true });
    await mkdir(join(directory, '.next'));
    for (const file of staged) await cp(join(root, 'crash/new', file), join(directory, '.next', file));
    if (complete) await writeFile(join(directory, '.next', 'COMPLETE'), '');
    return directory;
  }

  async function expectGoesOnFrom(step: number, name: string) {
    await using trainer = await open(compact, `crash/${name}`);
    expect(trainer.step).toBe(step);
    expect((await runAll(trainer)).map(({ loss }) => loss)).toEqual(straight.slice(step));
    await expectSameFiles(`crash/${name}`, 'crash/straight');
  }

  it.each([0, 1, 2, 3])('the old one, with %d files staged', async (count) => {
    await stage(`staged-${count}`, files.slice(0, count), false);
    await expectGoesOnFrom(3, `staged-${count}`);
  });

  it('the old one, when a staged file was cut off in its temporary place', async () => {
    const directory = await stage('cut', files.slice(0, 1), false);
    await rename(join(directory, '.next', files[0]), join(directory, '.next', `${files[0]}.123.tmp`));
    await truncate(join(directory, '.next', `${files[0]}.123.tmp`), 1000);
    await expectGoesOnFrom(3, 'cut');
  });

  it.each([0, 1, 2, 3])('the new one, with all files complete and %d renamed', async (count) => {
    const directory = await stage(`renamed-${count}`, files, true);
    for (const file of files.slice(0, count)) await rename(join(directory, '.next', file), join(directory, file));
    await expectGoesOnFrom(5, `renamed-${count}`);
  });

  it('the new one, even when the next save begins before anybody resumed', async () => {
    const directory = await stage('unsettled', files, true);
    await rename(join(directory, '.next', files[0]), join(directory, files[0]));
    {
      await using trainer = await open(compact, 'crash/unsettled', false);
      vi.spyOn(trainer.engine, 'read').mockRejectedValue(new Error('killed here'));
      await expect(trainer.save(directory)).rejects.toThrow('killed here');
    }
    await expectGoesOnFrom(5, 'unsettled');
  });
});

import { execFileSync } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { CompactError } from '../src/engine/index.js';
import { openSafetensors, SaveError, type TensorEntry, writeSafetensors } from '../src/models/index.js';
import { Trainer, type TrainingData } from '../src/train/index.js';
import { shaped, type TinySettings, tinyData, tinySettings } from './support/training.js';

// What a checkpoint is refused for does not depend on the engine; the reference is always there.
const smallShape = {
  hiddenSize: 8,
  intermediateSize: 12,
  numAttentionHeads: 2,
  numKeyValueHeads: 2,
  vocabSize: 11,
};
const small: TinySettings = {
  config: shaped(smallShape),
  methods: 'compact',
  sequenceLength: 4,
  steps: 2,
};

let root: string;
let good: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'compact-refused-'));
  good = join(root, 'good');
  await using trainer = await open(good);
  for await (const _ of trainer.run());
});
afterAll(() => rm(root, { recursive: true, force: true }));

function open(directory: string, given: TinySettings = {}, more: { data?: TrainingData; init?: string } = {}) {
  const settings = tinySettings({ ...small, ...given });
  const data = tinyData(settings);
  return Trainer.open({ settings, data, engine: 'reference', threads: 1, directory, resume: true, ...more });
}

/** Opening fails with one line that a person can use; gives it back. */
async function refusal(opening: Promise<Trainer>): Promise<string> {
  const error: unknown = await opening.then(
    async (trainer) => {
      await trainer[Symbol.asyncDispose]();
      return new Error('was not refused');
    },
    (reason) => reason,
  );
  if (!(error instanceof CompactError)) throw error;
  expect(error.exitCode).toBe(2);
  expect(error.message).not.toContain('\n');
  return error.message;
}

/** A copy of the good checkpoint, to be spoilt. */
async function copy(name: string): Promise<string> {
  const directory = join(root, name);
  await cp(good, directory, { recursive: true });
  return directory;
}

/** Rewrites a weights file with some tensors changed, dropped or added. */
async function rewrite(path: string, change: (entries: TensorEntry[]) => TensorEntry[]) {
  const entries: TensorEntry[] = [];
  {
    using reader = openSafetensors(path);
    for (const [name, { shape }] of reader.tensors) {
      const values = reader.read(name);
      entries.push({ name, dtype: 'F32', shape, data: () => values });
    }
  }
  await writeSafetensors(path, change(entries));
}

describe('a checkpoint of another run is refused', () => {
  it.each<[string, TinySettings]>([
    ['batch', { batch: 3 }],
    ['accumulate', { accumulate: 2 }],
    ['sequenceLength', { sequenceLength: 5 }],
    ['seed', { seed: 2 }],
    ['clip', { clip: 1 }],
    ['schedule.learningRate', { learningRate: 0.5 }],
    ['optimizer.epsilonForm', { optimizer: { ...tinySettings().optimizer, epsilonForm: 'uncorrected' } }],
    ['plan.sketches.updateGap', { options: { updateGap: 7 } }],
    ['plan.methods.0', { methods: 'compact-shared' }],
    ['config.rmsNormEps', { config: shaped({ ...smallShape, rmsNormEps: 0.5 }) }],
  ])('for its %s', async (name, given) => {
    expect(await refusal(open(good, given))).toContain(`the run has ${name} = `);
  });

  it('for its data', async () => {
    const data = { ...tinyData(tinySettings(small)), fingerprint: 'other' };
    expect(await refusal(open(good, {}, { data }))).toContain('other data');
  });

  it('but not for more steps to go', async () => {
    await using trainer = await open(good, { steps: 4 });
    expect(trainer.step).toBe(2);
  });
});

describe('a damaged checkpoint is refused, by the name of the file', () => {
  it.each([
    ['trainer_state.json', 40],
    ['model.safetensors', 500],
    ['optimizer.safetensors', 500],
    ['model.safetensors', 4],
    ['trainer_state.json', 0],
  ])('%s cut to %d bytes', async (file, bytes) => {
    const directory = await copy(`cut-${file}-${bytes}`);
    await truncate(join(directory, file), bytes);
    expect(await refusal(open(directory))).toContain(file);
  });

  it.each(['model.safetensors', 'optimizer.safetensors'])('%s is gone', async (file) => {
    const directory = await copy(`gone-${file}`);
    await rm(join(directory, file));
    expect(await refusal(open(directory))).toContain(file);
  });

  it('trainer_state.json is of another format', async () => {
    const directory = await copy('format');
    await writeFile(join(directory, 'trainer_state.json'), '{"version": 2}');
    expect(await refusal(open(directory))).toMatch(/trainer_state\.json: version/);
  });
});

describe.each(['model.safetensors', 'optimizer.safetensors'])('%s is refused', (file) => {
  /** The first tensor of the file, replaced by what `change` makes of it. */
  async function withFirst(name: string, change: (entry: TensorEntry) => TensorEntry[]) {
    const directory = await copy(`${name}-${file}`);
    await rewrite(join(directory, file), ([first, ...rest]) => [...change(first), ...rest]);
    return directory;
  }

  it.each([Number.NaN, Number.POSITIVE_INFINITY])('with %d in it', async (bad) => {
    const directory = await withFirst(`number-${bad}`, (entry) => {
      const length = entry.shape.reduce((product, extent) => product * extent, 1);
      return [{ ...entry, data: () => new Float32Array(length).fill(bad, 3, 4) }];
    });
    expect(await refusal(open(directory))).toContain(`element 3 is ${bad}`);
  });

  it('with a tensor of another shape', async () => {
    const directory = await withFirst('shape', (entry) => [{ ...entry, shape: [...entry.shape].reverse().concat(1) }]);
    expect(await refusal(open(directory))).toMatch(/expected \[.*\], found \[/);
  });

  it('without a tensor', async () => {
    expect(await refusal(open(await withFirst('missing', () => [])))).toContain('no tensor named');
  });

  it('with a tensor too many', async () => {
    const directory = await withFirst('extra', (entry) => [entry, { ...entry, name: 'model.other' }]);
    expect(await refusal(open(directory))).toContain('unexpected tensor "model.other"');
  });
});

describe('a save that fails leaves the earlier checkpoint as it was', () => {
  async function expectIntact(directory: string) {
    for (const file of ['model.safetensors', 'optimizer.safetensors', 'trainer_state.json']) {
      expect((await readFile(join(directory, file))).equals(await readFile(join(good, file))), file).toBe(true);
    }
    await using trainer = await open(directory);
    expect(trainer.step).toBe(2);
  }

  it.each([0, 1, 20, 50])('in the midst of the files, after %d tensors', async (count) => {
    const directory = await copy(`midst-${count}`);
    {
      await using trainer = await open(directory, { steps: 9 });
      for await (const _ of trainer.run()) break;
      const read = trainer.engine.read.bind(trainer.engine);
      let calls = 0;
      vi.spyOn(trainer.engine, 'read').mockImplementation((tensor) => {
        calls += 1;
        return calls > count ? Promise.reject(new Error('failed here')) : read(tensor);
      });
      await expect(trainer.save(directory)).rejects.toThrow('failed here');
    }
    await expectIntact(directory);
  });

  it('because the place is a file', async () => {
    const path = join(root, 'file');
    await writeFile(path, '');
    await using trainer = await open(good);
    const failure = await trainer.save(join(path, 'run')).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(SaveError);
    expect(failure).toMatchObject({ exitCode: 1, code: 'SAVE_FAILED' });
  });

  it('because the disk is full (a small tmpfs; needs the right to mount)', async (context) => {
    const directory = await mkdtemp(join(tmpdir(), 'compact-full-'));
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', directory], { stdio: 'ignore' });
    } catch {
      context.skip('this user cannot mount a tmpfs');
    }
    try {
      await cp(good, directory, { recursive: true });
      {
        await using trainer = await open(directory, { steps: 9 });
        for await (const _ of trainer.run()) break;
        await writeFile(join(directory, 'ballast'), new Uint8Array(1 << 20)).catch(() => undefined);
        const failure = await trainer.save(directory).catch((error: unknown) => error);
        expect(failure).toBeInstanceOf(SaveError);
        expect(failure).toMatchObject({ exitCode: 1, message: expect.stringMatching(/disk is full|no space/) });
      }
      await expectIntact(directory);
    } finally {
      execFileSync('umount', [directory], { stdio: 'ignore' });
      await rm(directory, { recursive: true, force: true });
    }
  });
});

import { copyFileSync, existsSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSafetensors, type TensorEntry, writeSafetensors } from '../../src/models/index.js';
import { openSmallDisk } from '../support/small-disk.js';
import { writeTo } from '../support/temporary-directory.js';
import { checkpointStep, compact, compactJson, makeDirectory, refusal, tinyModel, workshop } from './command.js';

const { directory, common } = workshop();
const [, , , , ...withoutData] = common;

beforeAll(async () => {
  await compactJson(directory, 'pretrain', ...common, '--steps', '2', '--out', 'good');
});

/** A copy of the trained model whose weights are written anew. */
async function spoil(name: string, change: (entries: TensorEntry[]) => TensorEntry[]): Promise<void> {
  makeDirectory(directory, name);
  for (const file of ['config.json', 'tokenizer.json', 'tokenizer_config.json']) {
    copyFileSync(join(directory, 'good', file), join(directory, name, file));
  }
  using reader = openSafetensors(join(directory, 'good'));
  const entries = [...reader.tensors.values()].map(
    ({ name: tensor, shape }): TensorEntry => ({ name: tensor, shape, dtype: 'F32', data: () => reader.read(tensor) }),
  );
  await writeSafetensors(join(directory, name, 'model.safetensors'), change(entries));
}

const evaluate = (model: string) => ['eval', '--model', model, '--data', 'text.txt', '--seq', '16'];
const pretrain = (data: string, ...more: string[]) => [
  ...[
    'pretrain',
    '--model',
    'config.json',
    '--data',
    data,
    ...withoutData,
    '--steps',
    '2',
    '--out',
    'refused',
    ...more,
  ],
];

describe('methods that do not go together, before training starts', () => {
  it.each<[string[], RegExp]>([
    [['--method', 'lomo', '--clip', '1'], /clipping by global norm needs all gradients at once/],
    [['--method', 'adalomo', '--accumulate', '2'], /a fused update .* cannot accumulate micro-batches/],
    [['--method', 'adam8bit,badam'], /methods adam8bit and badam exclude each other/],
    [['--method', 'lean', '--momentum', '0.9'], /--momentum has no meaning here/],
  ])('%j', async (options, sentence) => {
    expect((await refusal(2, directory, ...pretrain('text.txt', ...options))).error).toMatch(sentence);
    expect(existsSync(join(directory, 'refused', 'model.safetensors'))).toBe(false);
  });
});

describe('bad data', () => {
  it('a missing file', async () => {
    expect((await refusal(2, directory, ...pretrain('nowhere.txt'))).error).toContain('nowhere.txt: no such file');
  });

  it('an empty corpus', async () => {
    writeTo(directory, 'empty.txt', '');
    expect((await refusal(2, directory, ...pretrain('empty.txt'))).error).toContain('empty');
  });

  it('a corpus shorter than one window', async () => {
    writeTo(directory, 'short.txt', 'Too short.');
    expect((await refusal(2, directory, ...pretrain('short.txt'))).error).toContain('one window of length 16 needs 17');
  });

  it('a token id beyond the vocabulary', async () => {
    const ids = Uint16Array.from({ length: 100 }, (_, index) => (index === 50 ? 300 : index));
    writeTo(directory, 'ids.bin', new Uint8Array(ids.buffer));
    const { error, hint } = await refusal(2, directory, ...pretrain('ids.bin'));
    expect(error).toContain("token id 300 at position 50 is beyond the model's vocabulary of 257");
    expect(hint).toContain('--vocab-size 301');
  });

  it('text without a tokenizer', async () => {
    const args = ['pretrain', '--model', 'config.json', '--data', 'text.txt', '--seq', '16', '--out', 'refused'];
    expect((await refusal(2, directory, ...args)).hint).toContain('--tokenizer');
  });
});

describe('a bad directory for offloaded tensors', () => {
  const offload = (...more: string[]) =>
    refusal(
      2,
      directory,
      ...pretrain('text.txt', '--model', 'llama-260k', '--vocab-size', '257', '--method', 'offload', ...more),
    );

  it('none, a missing one, a file, or one that is too slow', async () => {
    expect(await offload()).toMatchObject({
      error: expect.stringContaining('the plan offloads tensors, but no directory for them is given'),
      hint: expect.stringContaining('--offload-dir'),
    });
    expect((await offload('--offload-dir', 'nowhere')).error).toContain('nowhere cannot be offloaded to: No such file');
    expect((await offload('--offload-dir', 'text.txt')).error).toContain(
      'text.txt cannot be offloaded to: Not a directory',
    );
    const slow = await offload('--offload-dir', '.', '--offload-bandwidth', '900TB');
    expect(slow.error).toMatch(/takes \d+ MB\/s, slower than the 900000000 MB\/s that were assumed/);
    expect((await offload('--offload-bandwidth', '1GB')).error).toContain('--offload-bandwidth needs --offload-dir');
  });
});

describe('bad weights', () => {
  it('a truncated file', async () => {
    await spoil('truncated', (entries) => entries);
    truncateSync(join(directory, 'truncated', 'model.safetensors'), 3000);
    expect((await refusal(2, directory, ...evaluate('truncated'))).error).toMatch(/model\.safetensors.*truncated/);
  });

  it('a wrong shape', async () => {
    await spoil('reshaped', (entries) =>
      entries.map((entry) => (entry.name.endsWith('0.mlp.up_proj.weight') ? { ...entry, shape: [16, 24] } : entry)),
    );
    expect((await refusal(2, directory, ...evaluate('reshaped'))).error).toContain(
      'model.layers.0.mlp.up_proj.weight: expected [24, 16], found [16, 24]',
    );
  });

  it('a missing tensor', async () => {
    await spoil('incomplete', (entries) => entries.slice(1));
    expect((await refusal(2, directory, ...evaluate('incomplete'))).error).toContain('model.');
  });

  it('NaN', async () => {
    const nan = (entry: TensorEntry): TensorEntry => ({ ...entry, data: () => new Float32Array(16).fill(Number.NaN) });
    await spoil('nan', (entries) => entries.map((entry) => (entry.name === 'model.norm.weight' ? nan(entry) : entry)));
    expect((await refusal(2, directory, ...evaluate('nan'))).error).toContain('model.norm.weight: element 0 is NaN');
    const init = await refusal(2, directory, ...pretrain('text.txt', '--init', 'nan'));
    expect(init.error).toContain('model.norm.weight: element 0 is NaN');
  });

  it('a model without weights', async () => {
    expect((await refusal(2, directory, ...evaluate('config.json'))).error).toContain('has no weights');
    expect((await refusal(2, directory, ...evaluate('llama-9m'))).error).toContain('has no weights');
  });

  it('a damaged configuration', async () => {
    writeTo(directory, 'odd.json', JSON.stringify({ ...tinyModel, hidden_size: 'many' }));
    const args = ['plan', '--model', 'odd.json'];
    expect((await refusal(2, directory, ...args)).error).toContain('odd.json: hidden_size');
  });

  it('a checkpoint that cannot be read', async () => {
    await compactJson(directory, ...pretrain('text.txt').map((arg) => (arg === 'refused' ? 'damaged' : arg)));
    writeTo(directory, 'damaged/trainer_state.json', '{"step": ');
    const args = pretrain('text.txt', '--resume').map((arg) => (arg === 'refused' ? 'damaged' : arg));
    expect((await refusal(2, directory, ...args)).error).toContain('trainer_state.json: not a readable checkpoint');
  });
});

describe('bad options', () => {
  it('a rank larger than the width', async () => {
    const { error } = await refusal(2, directory, ...pretrain('text.txt', '--method', 'compact', '--rank', '17'));
    expect(error).toContain('rank 17 is larger than the input width 16');
  });

  it('a sequence longer than the model allows', async () => {
    const args = ['pretrain', '--model', 'config.json', '--data', 'text.txt', '--tokenizer', 'byte', '--seq', '33'];
    const { error } = await refusal(2, directory, ...args, '--out', 'refused');
    expect(error).toBe('--seq: sequences of 33 tokens are longer than the 32 that the model allows');
  });

  it('a prompt longer than the model allows', async () => {
    const args = ['generate', '--model', 'good', '--prompt', 'a'.repeat(40)];
    expect((await refusal(2, directory, ...args)).error).toContain("40 tokens, the model's context 32");
  });

  it('a plan larger than the budget', async () => {
    const { error } = await refusal(2, directory, ...pretrain('text.txt', '--memory', '10kB'));
    expect(error).toMatch(/no plan fits 9 KiB: the smallest possible takes \d+ KiB/);
  });

  it('a plan larger than memory', async () => {
    const options = [
      '--model',
      'llama-7b',
      '--data',
      'text.txt',
      '--tokenizer',
      'byte',
      '--batch',
      '512',
      '--seq',
      '256',
    ];
    expect((await refusal(2, directory, 'pretrain', ...options, '--out', 'refused')).error).toMatch(
      /the plan needs .* free/,
    );
  });

  it('leaves no checkpoint behind', () => {
    expect(existsSync(join(directory, 'refused', 'trainer_state.json'))).toBe(false);
  });
});

const disk = await openSmallDisk('1m');

describe.skipIf(!disk)(disk ? 'a full disk' : 'a full disk (skipped: mounting one needs root)', () => {
  afterAll(() => disk?.close());

  it('ends the run with the earlier checkpoint intact, and the run can go on', async () => {
    // A checkpoint takes some 12 bytes per weight. There is room for one, and not for the second beside it.
    const model = { ...tinyModel, hidden_size: 32, intermediate_size: 64, num_hidden_layers: 3 };
    writeTo(directory, 'larger.json', JSON.stringify(model));
    const run = join(disk?.path ?? '', 'run');
    const options = [
      ...['pretrain', '--model', 'larger.json', '--data', 'text.txt', ...withoutData],
      ...['--steps', '6', '--save-every', '3', '--out', run],
    ];
    const { error } = await refusal(1, directory, ...options);
    expect(error).toContain('cannot be written');
    expect(checkpointStep(run)).toBe(3);
    const evaluation = await compact(directory, ...evaluate(run));
    expect(evaluation.code, evaluation.stderr).toBe(0);

    await disk?.resize('8m');
    await compactJson(directory, ...options, '--resume');
    await compactJson(directory, ...options.slice(0, -1), 'undisturbed');
    const [resumed, undisturbed] = [run, join(directory, 'undisturbed')].map((path) =>
      readFileSync(join(path, 'model.safetensors')),
    );
    expect(resumed.equals(undisturbed)).toBe(true);
  });
});

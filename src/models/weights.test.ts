import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createReferenceEngine } from '../engine/reference/reference-engine.js';
import { CheckpointError } from './checkpoint-error.js';
import { Llama, llamaShapes } from './llama.js';
import type { LlamaConfig } from './llama-config.js';
import { presets } from './presets.js';
import { loadWeights, saveWeights, weightsFile } from './weights.js';
import { type TensorEntry, writeSafetensors } from './write-safetensors.js';

const config: LlamaConfig = {
  ...presets['llama-260k'],
  vocabSize: 9,
  hiddenSize: 8,
  intermediateSize: 6,
  numHiddenLayers: 1,
  numAttentionHeads: 2,
  numKeyValueHeads: 1,
};
const norm = 'model.norm.weight';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'compact-weights-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

/** All tensors of the model, with values that f32 only just holds. */
function entries(given = config): TensorEntry[] {
  const corners = [0, -0, 2 ** -149, -(2 ** -149), 1 + 2 ** -23, 3.4028234663852886e38, -1e-38, 0.1];
  return [...llamaShapes(given)].map(([name, shape]) => {
    const length = shape.reduce((product, extent) => product * extent, 1);
    const values = Float32Array.from({ length }, (_, i) => corners[i] ?? Math.sin(i + name.length));
    return { name, dtype: 'F32', shape, data: () => values };
  });
}

/** Loads a file of these tensors into the model. */
async function load(name: string, tensors: readonly TensorEntry[], given = config): Promise<Map<string, Float32Array>> {
  const path = join(root, `${name}.safetensors`);
  await writeSafetensors(path, tensors);
  using engine = createReferenceEngine();
  using model = new Llama(engine, given, 4);
  loadWeights(engine, model.parameters, path, model.files);
  const values = new Map<string, Float32Array>();
  for (const parameter of model.parameters) {
    values.set(parameter.name, Float32Array.from(await engine.read(parameter.tensor)));
  }
  return values;
}

/** The same tensors, one of them replaced. */
function withNorm(change: (entry: TensorEntry) => TensorEntry[]): TensorEntry[] {
  return entries().flatMap((entry) => (entry.name === norm ? change(entry) : [entry]));
}

describe('weights', () => {
  it('come back to the bit, from a directory and from a file', async () => {
    using engine = createReferenceEngine();
    using model = new Llama(engine, config, 4);
    const written = entries();
    await writeSafetensors(join(root, 'first.safetensors'), written);
    loadWeights(engine, model.parameters, join(root, 'first.safetensors'));
    await saveWeights(engine, model.parameters, root);
    const bytes = await readFile(join(root, weightsFile));
    expect(bytes.equals(await readFile(join(root, 'first.safetensors')))).toBe(true);
    loadWeights(engine, model.parameters, root);
    for (const { name, tensor } of model.parameters) {
      const expected = await written.find((entry) => entry.name === name)?.data();
      // toEqual tells −0 from 0.
      expect(Float32Array.from(await engine.read(tensor)), name).toEqual(expected);
    }
  });

  it('may be stored as bf16 or f16', async () => {
    const values = await load(
      'bf16',
      withNorm((entry) => [{ ...entry, dtype: 'BF16', data: () => new Float32Array(8).fill(1.5) }]),
    );
    expect(values.get(norm)).toEqual(new Float32Array(8).fill(1.5));
    const half = await load(
      'f16',
      withNorm((entry) => [{ ...entry, dtype: 'F16', data: () => new Uint16Array(8).fill(0x3e00) }]),
    );
    expect(half.get(norm)).toEqual(new Float32Array(8).fill(1.5));
  });

  it('may have a tied head written out once more, and tables that are computed here', async () => {
    const zeros = { dtype: 'F32', shape: [9, 8], data: () => new Float32Array(72) } as const;
    const more = [
      { ...zeros, name: 'lm_head.weight' },
      { ...zeros, name: 'model.layers.0.self_attn.rotary_emb.inv_freq' },
    ];
    const values = await load('more', [...entries(), ...more]);
    expect(values.has('lm_head.weight')).toBe(false);
  });
});

describe('a file is refused, with its name and the tensor’s', () => {
  it.each<[string, readonly TensorEntry[], RegExp]>([
    ['missing', withNorm(() => []), /missing\.safetensors: no tensor named model\.norm\.weight$/],
    [
      'shape',
      withNorm((entry) => [{ ...entry, shape: [2, 4] }]),
      /shape\.safetensors: model\.norm\.weight: expected \[8\], found \[2, 4\]$/,
    ],
    [
      'extra',
      withNorm((entry) => [entry, { ...entry, name: 'model.bias' }]),
      /extra\.safetensors: unexpected tensor "model\.bias"$/,
    ],
    [
      'nan',
      withNorm((entry) => [{ ...entry, data: () => new Float32Array(8).fill(Number.NaN, 5) }]),
      /nan\.safetensors: model\.norm\.weight: element 5 is NaN$/,
    ],
    [
      'infinite',
      withNorm((entry) => [{ ...entry, data: () => new Float32Array(8).fill(-Infinity) }]),
      /element 0 is -Infinity$/,
    ],
    [
      'integers',
      withNorm((entry) => [{ ...entry, dtype: 'I32', data: () => new Int32Array(8) }]),
      /model\.norm\.weight: expected F32, F16 or BF16, found I32$/,
    ],
    ['other', entries({ ...config, numHiddenLayers: 2 }), /unexpected tensor "model\.layers\.1\./],
  ])('%s', async (name, tensors, sentence) => {
    const loading = load(name, tensors);
    await expect(loading).rejects.toThrow(CheckpointError);
    await expect(loading).rejects.toThrow(sentence);
  });

  it('an untied head that is not there', async () => {
    await expect(load('untied', entries(), { ...config, tieWordEmbeddings: false })).rejects.toThrow(
      /no tensor named lm_head\.weight$/,
    );
  });

  it('a directory without weights, or no directory', () => {
    using engine = createReferenceEngine();
    using model = new Llama(engine, config, 4);
    expect(() => loadWeights(engine, model.parameters, join(root, 'nowhere'))).toThrow(CheckpointError);
    expect(() => loadWeights(engine, model.parameters, tmpdir())).toThrow(/holds neither model\.safetensors/);
  });
});

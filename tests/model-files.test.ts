import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Engine } from '../src/engine/index.js';
import { createReferenceEngine } from '../src/engine/reference/reference-engine.js';
import {
  createModel,
  loadWeights,
  type ModelConfig,
  openSafetensors,
  parseModelConfig,
  saveWeights,
  type TensorEntry,
  type TrainableModel,
  writeSafetensors,
} from '../src/models/index.js';
import { temporaryDirectory, writeTo } from './support/temporary-directory.js';
import { oddSizes, tinyBert, tinyGpt2, tinyRoberta } from './support/tiny.js';

const root = temporaryDirectory();
const bert = { ...tinyBert, ...oddSizes };
const configs: [string, ModelConfig][] = [
  ['bert', bert],
  ['bert without head', { ...bert, head: 'none' }],
  ['bert for masked tokens', { ...bert, head: 'masked-lm' }],
  ['roberta', { ...tinyRoberta, ...oddSizes }],
  ['roberta for masked tokens', { ...tinyRoberta, ...oddSizes, head: 'masked-lm' }],
  ['gpt2', { ...tinyGpt2, ...oddSizes }],
];

async function withModel<T>(
  config: ModelConfig,
  seed: number,
  body: (engine: Engine, model: TrainableModel) => Promise<T>,
) {
  using engine = createReferenceEngine();
  using model = createModel(engine, config, 4);
  model.initialize(seed);
  return await body(engine, model);
}

async function valuesOf(engine: Engine, model: TrainableModel): Promise<Map<string, Float32Array>> {
  const values = new Map<string, Float32Array>();
  for (const { name, tensor } of model.parameters) values.set(name, Float32Array.from(await engine.read(tensor)));
  return values;
}

/** Saves a model and gives its weights and the tensors of its file. */
async function saved(name: string, config: ModelConfig) {
  const directory = join(root, name);
  writeTo(directory, 'config.json', '{}');
  const weights = await withModel(config, 1, async (engine, model) => {
    await saveWeights(engine, model.parameters, directory, model.files);
    return valuesOf(engine, model);
  });
  using reader = openSafetensors(directory);
  const tensors = [...reader.tensors].map(([tensor, { shape }]): TensorEntry => {
    const values = reader.read(tensor);
    return { name: tensor, dtype: 'F32', shape, data: () => values };
  });
  return { directory, weights, tensors };
}

async function load(config: ModelConfig, directory: string, asStart = false) {
  return await withModel(config, 2, async (engine, model) => {
    const parts = loadWeights(engine, model.parameters, directory, model.files, asStart);
    return { parts, weights: await valuesOf(engine, model) };
  });
}

async function written(name: string, tensors: readonly TensorEntry[]): Promise<string> {
  const directory = join(root, name);
  writeTo(directory, 'config.json', '{}');
  await writeSafetensors(join(directory, 'model.safetensors'), tensors);
  return directory;
}

describe.each(configs)('the files of a %s', (name, config) => {
  it('give back the very weights', async () => {
    const { directory, weights } = await saved(`${name} same`, config);
    expect((await load(config, directory)).weights).toEqual(weights);
  });

  it('are read in several parts under an index, and from half precision', async () => {
    const { tensors, weights } = await saved(`${name} whole`, config);
    const directory = join(root, `${name} parts`);
    const map: Record<string, string> = {};
    for (const [part, start] of [0, 1].entries()) {
      const file = `model-0000${part + 1}-of-00002.safetensors`;
      const some = tensors.filter((_, i) => i % 2 === start);
      for (const tensor of some) map[tensor.name] = file;
      writeTo(directory, 'config.json', '{}');
      await writeSafetensors(
        join(directory, file),
        some.map((tensor) => ({ ...tensor, dtype: 'BF16' as const })),
      );
    }
    writeTo(directory, 'model.safetensors.index.json', JSON.stringify({ metadata: {}, weight_map: map }));
    expect(existsSync(join(directory, 'model.safetensors'))).toBe(false);
    for (const [weight, values] of (await load(config, directory)).weights) {
      const exact = weights.get(weight) ?? new Float32Array();
      for (const [i, value] of values.entries())
        expect(Math.abs(value - exact[i])).toBeLessThanOrEqual(2 ** -8 * Math.abs(exact[i]));
    }
  });

  it('are refused with the name of a tensor that is missing, of another shape, or not expected', async () => {
    const { tensors } = await saved(`${name} good`, config);
    const [first, ...others] = tensors;
    const without = await written(`${name} missing`, others);
    await expect(load(config, without)).rejects.toThrow(first.name);
    const cut = { ...first, shape: [1], data: () => new Float32Array(1) };
    await expect(load(config, await written(`${name} shape`, [cut, ...others]))).rejects.toThrow(first.name);
    const more = { ...first, name: 'encoder.layer.9.odd' };
    const unexpected = await written(`${name} more`, [...tensors, more]);
    await expect(load(config, unexpected)).rejects.toThrow('unexpected tensor "encoder.layer.9.odd"');
  });
});

describe('a BERT that is a start for another head', () => {
  it('leaves the new head random, tells what is missing and what is left over', async () => {
    const { directory, weights } = await saved('start', { ...bert, head: 'masked-lm' });
    await expect(load(bert, directory)).rejects.toThrow('cls.predictions');
    const { parts, weights: loaded } = await load(bert, directory, true);
    expect(parts.missing).toEqual([
      'bert.pooler.dense.weight',
      'bert.pooler.dense.bias',
      'classifier.weight',
      'classifier.bias',
    ]);
    expect(parts.unused.every((name) => name.startsWith('cls.predictions.'))).toBe(true);
    for (const [name, values] of loaded) {
      if (name.startsWith('model.layers')) expect(values, name).toEqual(weights.get(name));
    }
  });

  it('may have another prefix, old names of γ and β, and tensors that are computed here', async () => {
    const { tensors, weights } = await saved('old', { ...bert, head: 'masked-lm' });
    const old = tensors.map((tensor) => ({
      ...tensor,
      name: tensor.name.replace(/LayerNorm\.weight$/, 'LayerNorm.gamma').replace(/LayerNorm\.bias$/, 'LayerNorm.beta'),
    }));
    const table = tensors.find(({ name }) => name === 'bert.embeddings.word_embeddings.weight');
    if (!table) throw new Error('no table');
    const extra = [
      { ...table, name: 'cls.predictions.decoder.weight' },
      { name: 'bert.embeddings.position_ids', dtype: 'I32', shape: [2], data: () => Int32Array.of(0, 1) } as const,
      { name: 'cls.seq_relationship.bias', dtype: 'F32', shape: [2], data: () => new Float32Array(2) } as const,
    ];
    const directory = await written('older', [...old, ...extra]);
    expect((await load({ ...bert, head: 'masked-lm' }, directory)).weights).toEqual(weights);
    const bare = await written(
      'bare',
      tensors.map((tensor) => ({ ...tensor, name: tensor.name.replace(/^bert\./, '') })),
    );
    expect((await load({ ...bert, head: 'masked-lm' }, bare)).weights).toEqual(weights);
  });
});

describe('the config.json of an encoder', () => {
  const least = {
    model_type: 'bert',
    vocab_size: 30,
    hidden_size: 12,
    intermediate_size: 24,
    num_hidden_layers: 1,
    num_attention_heads: 2,
  };

  it('names its head by the architecture', () => {
    const headOf = (architecture: string, more = {}) =>
      parseModelConfig({ ...least, architectures: [architecture], ...more }, 'config.json');
    expect(headOf('BertModel')).toMatchObject({ head: 'none' });
    expect(headOf('BertForMaskedLM')).toMatchObject({ head: 'masked-lm' });
    expect(headOf('BertForPreTraining')).toMatchObject({ head: 'masked-lm' });
    const three = { id2label: { 1: 'b', 0: 'a', 2: 'c' } };
    expect(headOf('BertForSequenceClassification', three)).toMatchObject({
      head: 'classification',
      labels: ['a', 'b', 'c'],
    });
    expect(headOf('BertForSequenceClassification', { num_labels: 1 })).toMatchObject({ head: 'regression' });
    expect(() => headOf('BertForQuestionAnswering')).toThrow('"BertForQuestionAnswering" is not supported');
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    ['relative positions', { position_embedding_type: 'relative_key' }, /^c\.json: position_embedding_type: /],
    ['another activation', { hidden_act: 'relu' }, /^c\.json: hidden_act: /],
    ['a decoder', { is_decoder: true }, /^c\.json: is_decoder: /],
    ['heads that do not divide', { num_attention_heads: 5 }, /^c\.json: hidden_size 12 is not 5 whole heads/],
    ['a model of another kind', { model_type: 't5' }, /^c\.json: model_type "t5"/],
  ])('is refused with %s', (_, more, message) => {
    expect(() => parseModelConfig({ ...least, ...more }, 'c.json')).toThrow(message);
  });
});

import { describe, expect, it } from 'vitest';
import { noSharedData, onSharedData, sharedData } from '../../tests/support/shared-data.js';
import { temporaryDirectory, writeTo } from '../../tests/support/temporary-directory.js';
import { CheckpointError } from './checkpoint-error.js';
import { Llama2cCheckpoint } from './llama2c.js';
import { halfSplit } from './rotary-layout.js';
import { SafetensorsFile } from './safetensors.js';

const directory = temporaryDirectory();

/** dim 4, hidden 3, 2 layers, 2 heads, 1 key-value head, vocabulary 5, context 7; weights 0, 1, 2, ... */
const floats = 5 * 4 + 2 * (4 + 16 + 8 + 8 + 16 + 4 + 3 * 12) + 4 + 7 * 2;

function checkpoint(name: string, vocabulary: number, weights: number, header = [4, 3, 2, 2, 1]): string {
  const head = Int32Array.of(...header, vocabulary, 7);
  const values = Float32Array.from({ length: weights }, (_, i) => i);
  return writeTo(directory, name, Buffer.concat([Buffer.from(head.buffer), Buffer.from(values.buffer)]));
}

describe('a small checkpoint', () => {
  it('gives configuration and weights under their names', async () => {
    using file = Llama2cCheckpoint.open(checkpoint('tied', 5, floats));
    expect(file.config).toMatchObject({
      model_type: 'llama',
      hidden_size: 4,
      intermediate_size: 3,
      num_hidden_layers: 2,
      num_attention_heads: 2,
      num_key_value_heads: 1,
      vocab_size: 5,
      max_position_embeddings: 7,
      tie_word_embeddings: true,
    });
    const tensors = new Map(file.tensors.map((tensor) => [tensor.name, tensor]));
    expect(tensors.size).toBe(2 + 2 * 9);
    const at = async (name: string) => [...((await tensors.get(name)?.data()) ?? [])].map(Number);
    expect(tensors.get('model.layers.1.mlp.down_proj.weight')?.shape).toEqual([4, 3]);
    expect((await at('model.embed_tokens.weight'))[0]).toBe(0);
    // Embedding 20, attention norms 8, queries 32, keys 16: then the values, of 8 each.
    expect(await at('model.layers.1.self_attn.v_proj.weight')).toEqual([84, 85, 86, 87, 88, 89, 90, 91]);
    expect(await at('model.layers.0.input_layernorm.weight')).toEqual([20, 21, 22, 23]);
    expect(await at('model.norm.weight')).toEqual([204, 205, 206, 207]);
  });

  it('has a head of its own when the vocabulary is negative', () => {
    using file = Llama2cCheckpoint.open(checkpoint('untied', -5, floats + 20));
    expect(file.config).toMatchObject({ vocab_size: 5, tie_word_embeddings: false });
    expect(file.tensors.at(-1)).toMatchObject({ name: 'lm_head.weight', shape: [5, 4] });
  });

  it.each<[string, string, RegExp]>([
    ['truncated', checkpoint('cut', 5, floats - 1), /cut: truncated: its header asks for \d+ bytes, the file has \d+/],
    ['too long', checkpoint('more', 5, floats + 1), /more: too long/],
    ['without its head', checkpoint('headless', -5, floats), /truncated/],
    ['only a header’s beginning', writeTo(directory, 'tiny', 'abcd'), /truncated: no room for a llama2.c header/],
    ['of other numbers', checkpoint('odd', 5, 9, [5, 3, 2, 2, 1]), /not a llama2.c checkpoint: its header reads 5, 3/],
    ['of a later version', checkpoint('v2', 5, 9, [0x616b3432, 2, 0, 0, 0]), /format version 2 is not read/],
    ['missing', `${directory}/none`, /no such file/],
  ])('is refused when it is %s', (_, path, message) => {
    expect(() => Llama2cCheckpoint.open(path)).toThrow(CheckpointError);
    expect(() => Llama2cCheckpoint.open(path)).toThrow(message);
  });
});

describe('rotary layout', () => {
  it('takes first members of the pairs, then second members, head by head', () => {
    const rows = Float32Array.from({ length: 8 }, (_, row) => row);
    expect([...halfSplit(rows, 4, 1)]).toEqual([0, 2, 1, 3, 4, 6, 5, 7]);
    expect([...halfSplit(Float32Array.of(1, 1, 2, 2, 3, 3, 4, 4), 4, 2)]).toEqual([1, 1, 3, 3, 2, 2, 4, 4]);
  });

  it('leaves the score of a rotated query and key as it was', () => {
    const size = 8;
    const q = Float32Array.from({ length: size }, (_, i) => Math.sin(1 + i));
    const k = Float32Array.from({ length: size }, (_, i) => Math.cos(2 + 3 * i));
    const rotate = (x: Float32Array, position: number, pair: (i: number) => [number, number]) => {
      const y = Float64Array.from(x);
      for (let i = 0; i < size / 2; i++) {
        const angle = position * 10000 ** ((-2 * i) / size);
        const [a, b] = pair(i);
        y[a] = x[a] * Math.cos(angle) - x[b] * Math.sin(angle);
        y[b] = x[a] * Math.sin(angle) + x[b] * Math.cos(angle);
      }
      return y;
    };
    const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, value, i) => sum + value * b[i], 0);
    const neighbours = (i: number): [number, number] => [2 * i, 2 * i + 1];
    const halves = (i: number): [number, number] => [i, i + size / 2];
    const before = dot(rotate(q, 3, neighbours), rotate(k, 11, neighbours));
    const after = dot(rotate(halfSplit(q, size, 1), 3, halves), rotate(halfSplit(k, size, 1), 11, halves));
    expect(after).toBeCloseTo(before, 12);
  });
});

it.skipIf(noSharedData)(onSharedData('stories260K holds the weights of its safetensors copy'), async () => {
  using file = Llama2cCheckpoint.open(sharedData('weights/stories260K.bin'));
  using copy = SafetensorsFile.open(sharedData('weights/stories260K.safetensors'));
  expect(file.config).toMatchObject({
    hidden_size: 64,
    num_key_value_heads: 4,
    vocab_size: 512,
    tie_word_embeddings: true,
  });
  const unused = new Map(
    [...copy.tensors.keys()].map((name) => [Buffer.from(copy.readBytes(name)).toString('base64'), name]),
  );
  for (const { name, data } of file.tensors) {
    const values = await data();
    const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('base64');
    if (/q_proj|k_proj/.test(name)) continue;
    expect(unused.has(bytes), name).toBe(true);
    unused.delete(bytes);
  }
  expect([...unused.values()].filter((name) => !/wq|wk/.test(name))).toEqual([]);
});

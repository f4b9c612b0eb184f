import { describe, expect, it } from 'vitest';
import { InputError } from '../engine/index.js';
import { parseLlamaConfig } from './llama-config.js';
import { parseModelConfig, toHuggingFaceConfig } from './model-config.js';
import { presets } from './presets.js';

/** The fields that Hugging Face's own files have. */
const huggingFace = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  vocab_size: 32000,
  hidden_size: 64,
  intermediate_size: 172,
  num_hidden_layers: 5,
  num_attention_heads: 8,
  num_key_value_heads: 4,
  max_position_embeddings: 512,
  rms_norm_eps: 1e-5,
  rope_theta: 500000,
  rope_scaling: null,
  attention_bias: false,
  mlp_bias: false,
  hidden_act: 'silu',
  tie_word_embeddings: true,
  initializer_range: 0.01,
  bos_token_id: 1,
  eos_token_id: 2,
  torch_dtype: 'bfloat16',
  transformers_version: '4.40.0',
};

describe('a config.json', () => {
  it('is read by Hugging Face’s names', () => {
    expect(parseLlamaConfig(huggingFace, 'config.json')).toEqual({
      modelType: 'llama',
      vocabSize: 32000,
      hiddenSize: 64,
      intermediateSize: 172,
      numHiddenLayers: 5,
      numAttentionHeads: 8,
      numKeyValueHeads: 4,
      maxPositionEmbeddings: 512,
      rmsNormEps: 1e-5,
      ropeTheta: 500000,
      tieWordEmbeddings: true,
      initializerRange: 0.01,
      bosTokenId: 1,
      eosTokenId: 2,
    });
  });

  it('may leave out what has a default', () => {
    const { model_type, vocab_size, hidden_size, intermediate_size, num_hidden_layers, num_attention_heads } =
      huggingFace;
    const least = { model_type, vocab_size, hidden_size, intermediate_size, num_hidden_layers, num_attention_heads };
    expect(parseLlamaConfig(least, 'config.json')).toEqual({
      modelType: 'llama',
      vocabSize: 32000,
      hiddenSize: 64,
      intermediateSize: 172,
      numHiddenLayers: 5,
      numAttentionHeads: 8,
      numKeyValueHeads: 8,
      maxPositionEmbeddings: 2048,
      rmsNormEps: 1e-6,
      ropeTheta: 10000,
      tieWordEmbeddings: false,
      initializerRange: 0.02,
    });
  });

  it('may have null where nothing is meant, and several end-of-text tokens', () => {
    const { bosTokenId, eosTokenId, numKeyValueHeads } = parseLlamaConfig(
      { ...huggingFace, bos_token_id: null, eos_token_id: [7, 8], num_key_value_heads: null, head_dim: 8 },
      'config.json',
    );
    expect({ bosTokenId, eosTokenId, numKeyValueHeads }).toEqual({
      bosTokenId: undefined,
      eosTokenId: 7,
      numKeyValueHeads: 8,
    });
  });

  it('comes back the same after writing, of whatever model', () => {
    for (const config of [...Object.values(presets), { ...presets['llama-9m'], bosTokenId: 0, eosTokenId: 3 }]) {
      const json: unknown = JSON.parse(JSON.stringify(toHuggingFaceConfig(config)));
      expect(parseModelConfig(json, 'config.json')).toEqual(config);
    }
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    ['another model', { model_type: 'mistral' }, /^c\.json: model_type: /],
    ['attention biases', { attention_bias: true }, /^c\.json: attention_bias: /],
    ['MLP biases', { mlp_bias: true }, /^c\.json: mlp_bias: /],
    ['rope scaling', { rope_scaling: { type: 'linear', factor: 2 } }, /^c\.json: rope_scaling: /],
    ['another activation', { hidden_act: 'gelu' }, /^c\.json: hidden_act: /],
    ['no width', { hidden_size: undefined }, /^c\.json: hidden_size: /],
    ['a width of 0', { hidden_size: 0 }, /^c\.json: hidden_size: /],
    ['half a layer', { num_hidden_layers: 1.5 }, /^c\.json: num_hidden_layers: /],
    ['a vocabulary in words', { vocab_size: 'many' }, /^c\.json: vocab_size: /],
    ['an ε of 0', { rms_norm_eps: 0 }, /^c\.json: rms_norm_eps: /],
    [
      'heads that do not divide the width',
      { num_attention_heads: 6, num_key_value_heads: 6 },
      /hidden_size 64 does not give 6 heads of even width/,
    ],
    [
      'heads of odd width',
      { hidden_size: 24, num_attention_heads: 8 },
      /hidden_size 24 does not give 8 heads of even width/,
    ],
    ['heads of a width of their own', { head_dim: 16 }, /head_dim 16 other than hidden_size \/ num_attention_heads/],
    ['heads that cannot share keys', { num_key_value_heads: 3 }, /8 heads cannot share 3 key\/value heads/],
  ])('with %s is refused in one line', (_, change, sentence) => {
    const parse = () => parseLlamaConfig({ ...huggingFace, ...change }, 'c.json');
    expect(parse).toThrow(InputError);
    expect(parse).toThrow(sentence);
    expect(parse).not.toThrow(/\n/);
  });

  it.each([null, 'text', 3, []])('that holds %o is refused', (json) => {
    expect(() => parseLlamaConfig(json, 'c.json')).toThrow(/^c\.json: config: /);
  });
});

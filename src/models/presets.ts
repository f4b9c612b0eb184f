import type { EncoderConfig } from './encoder-config.js';
import type { Gpt2Config } from './gpt2-config.js';
import type { LlamaConfig } from './llama-config.js';
import type { ModelConfig } from './model-config.js';

function llama(
  hiddenSize: number,
  intermediateSize: number,
  numAttentionHeads: number,
  numHiddenLayers: number,
  rest: Partial<LlamaConfig> = {},
): LlamaConfig {
  return {
    modelType: 'llama',
    vocabSize: 32000,
    hiddenSize,
    intermediateSize,
    numHiddenLayers,
    numAttentionHeads,
    numKeyValueHeads: numAttentionHeads,
    maxPositionEmbeddings: 2048,
    rmsNormEps: 1e-6,
    ropeTheta: 10000,
    tieWordEmbeddings: false,
    initializerRange: 0.02,
    ...rest,
  };
}

function bert(
  hiddenSize: number,
  numHiddenLayers: number,
  numAttentionHeads: number,
  rest: Partial<EncoderConfig> = {},
): EncoderConfig {
  return {
    modelType: 'bert',
    head: 'masked-lm',
    vocabSize: 30522,
    hiddenSize,
    intermediateSize: 4 * hiddenSize,
    numHiddenLayers,
    numAttentionHeads,
    maxPositionEmbeddings: 512,
    typeVocabSize: 2,
    layerNormEps: 1e-12,
    gelu: 'exact',
    hiddenDropout: 0.1,
    attentionDropout: 0.1,
    classifierDropout: 0.1,
    padTokenId: 0,
    labels: ['LABEL_0', 'LABEL_1'],
    initializerRange: 0.02,
    ...rest,
  };
}

const roberta: EncoderConfig = {
  ...bert(768, 12, 12),
  modelType: 'roberta',
  head: 'classification',
  vocabSize: 50265,
  maxPositionEmbeddings: 514,
  typeVocabSize: 1,
  layerNormEps: 1e-5,
  padTokenId: 1,
  bosTokenId: 0,
  eosTokenId: 2,
};

const gpt2: Gpt2Config = {
  modelType: 'gpt2',
  vocabSize: 50257,
  hiddenSize: 768,
  intermediateSize: 3072,
  numHiddenLayers: 12,
  numAttentionHeads: 12,
  maxPositionEmbeddings: 1024,
  layerNormEps: 1e-5,
  gelu: 'tanh',
  embeddingDropout: 0.1,
  hiddenDropout: 0.1,
  attentionDropout: 0.1,
  tieWordEmbeddings: true,
  initializerRange: 0.02,
  bosTokenId: 50256,
  eosTokenId: 50256,
};

/**
 * Named configurations: GaLore's pre-training models (vocabulary 32000, untied), stories260K's shape; BERT's sizes
 * (arXiv 1908.08962), RoBERTa-base with a classifier, MiniLM's shape (L6-H384) with a classifier, GPT-2.
 */
export const presets = {
  'llama-260k': llama(64, 172, 8, 5, {
    vocabSize: 512,
    numKeyValueHeads: 4,
    maxPositionEmbeddings: 512,
    rmsNormEps: 1e-5,
    tieWordEmbeddings: true,
  }),
  'llama-9m': llama(128, 352, 4, 4),
  'llama-20m': llama(256, 688, 4, 4),
  'llama-35m': llama(384, 1024, 8, 6),
  'llama-60m': llama(512, 1376, 8, 8),
  'llama-130m': llama(768, 2048, 12, 12),
  'llama-350m': llama(1024, 2736, 16, 24),
  'llama-1b': llama(2048, 5461, 32, 24),
  'llama-3b': llama(2560, 6848, 32, 32),
  'llama-7b': llama(4096, 11008, 32, 32),
  'bert-tiny': bert(128, 2, 2),
  'bert-mini': bert(256, 4, 4),
  'bert-small': bert(512, 4, 8),
  'bert-base': bert(768, 12, 12),
  minilm: bert(384, 6, 12, { head: 'classification' }),
  'roberta-base': roberta,
  gpt2,
} as const satisfies Record<string, ModelConfig>;

export type PresetName = keyof typeof presets;

export function isPreset(name: string): name is PresetName {
  return Object.hasOwn(presets, name);
}

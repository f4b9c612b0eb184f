import type { LlamaConfig } from './llama-config.js';

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

/** Named configurations: GaLore's pre-training models (vocabulary 32000, untied), and stories260K's shape. */
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
} as const satisfies Record<string, LlamaConfig>;

export type PresetName = keyof typeof presets;

export function isPreset(name: string): name is PresetName {
  return Object.hasOwn(presets, name);
}

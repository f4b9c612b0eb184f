/**
 * @module models
 * Models, their configurations and weights under Hugging Face's names.
 */
export { AdaptedModel, type AdapterShape, baseOf } from './adapters/adapted-model.js';
export {
  type AdapterConfig,
  adapterConfigFile,
  adapterWeightsFile,
  baseDirectory,
  isAdapterDirectory,
  readAdapterConfig,
  writeAdapterConfig,
} from './adapters/adapter-config.js';
export {
  adapterParameters,
  describeAdapter,
  frozenWeights,
  loadAdapter,
  loadModelWeights,
  saveAdapter,
  weightsFingerprint,
} from './adapters/adapter-weights.js';

export type { CausalModel } from './causal-model.js';
export { CheckpointError } from './checkpoint-error.js';
export { createCausalModel, createModel, modelFiles, modelShapes } from './create-model.js';
export { DropoutKeys } from './dropout-keys.js';
export { Encoder } from './encoder.js';
export { type EncoderConfig, type EncoderHead, parseEncoderConfig } from './encoder-config.js';
export type { FileFormat, FileTensor } from './file-format.js';
export { type GenerationOptions, generate, sample } from './generate.js';
export { Gpt2 } from './gpt2.js';
export { type Gpt2Config, parseGpt2Config } from './gpt2-config.js';
export { KeyValueCache } from './key-value-cache.js';
export { Llama, llamaShapes } from './llama.js';
export { type LlamaConfig, parseLlamaConfig } from './llama-config.js';
export { Llama2cCheckpoint } from './llama2c.js';
export {
  type CausalConfig,
  isEncoder,
  longestSequence,
  type ModelConfig,
  parseModelConfig,
  toHuggingFaceConfig,
} from './model-config.js';
export { type ModelSource, openModelSource } from './model-source.js';
export { isPreset, type PresetName, presets } from './presets.js';
export { SafetensorsFile, type TensorReader } from './safetensors.js';
export { openSafetensors } from './safetensors-shards.js';
export { replaceFile, replaceFileWith, SaveError } from './save-file.js';
export type { LossForm, MergeableNorm, SketchableLinear, TokenBatch, TrainableModel } from './trainable-model.js';
export {
  fileShape,
  type LoadedParts,
  loadWeights,
  namesByKey,
  saveWeights,
  tensorEntry,
  weightEntries,
  weightsFile,
} from './weights.js';
export { type TensorData, type TensorEntry, writeSafetensors } from './write-safetensors.js';

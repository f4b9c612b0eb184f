import { type Engine, type FloatType, InputError } from '../engine/index.js';
import type { CausalModel } from './causal-model.js';
import { Encoder } from './encoder.js';
import { encoderFiles } from './encoder-files.js';
import { encoderShapes } from './encoder-shapes.js';
import type { FileFormat } from './file-format.js';
import { Gpt2, gpt2Shapes } from './gpt2.js';
import { gpt2Files } from './gpt2-files.js';
import { Llama, llamaFiles, llamaShapes } from './llama.js';
import { isEncoder, type ModelConfig } from './model-config.js';
import type { TrainableModel } from './trainable-model.js';

/**
 * The model of a configuration, with undefined weights.
 *
 * @param positions longest sequence that will be run
 * @param dtype what weights, and with them activations and gradients, are stored in
 */
export function createModel(
  engine: Engine,
  config: ModelConfig,
  positions: number,
  dtype: FloatType = 'f32',
): TrainableModel {
  return isEncoder(config) ? new Encoder(engine, config, dtype) : createCausalModel(engine, config, positions, dtype);
}

/**
 * Like `createModel`, for a model that continues text.
 *
 * @throws InputError if it is none
 */
export function createCausalModel(
  engine: Engine,
  config: ModelConfig,
  positions: number,
  dtype: FloatType = 'f32',
): CausalModel {
  if (isEncoder(config)) {
    throw new InputError(`a ${config.modelType} does not continue text`, 'name a llama or gpt2');
  }
  return config.modelType === 'llama' ? new Llama(engine, config, positions, dtype) : new Gpt2(engine, config, dtype);
}

/** The shapes of all weights by their names in the program. */
export function modelShapes(config: ModelConfig): ReadonlyMap<string, readonly number[]> {
  if (isEncoder(config)) return encoderShapes(config);
  return config.modelType === 'gpt2' ? gpt2Shapes(config) : llamaShapes(config);
}

/** How the weights lie in files. */
export function modelFiles(config: ModelConfig): FileFormat {
  if (isEncoder(config)) return encoderFiles(config);
  return config.modelType === 'gpt2' ? gpt2Files(config) : llamaFiles(config);
}

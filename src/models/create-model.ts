import type { Engine, FloatType } from '../engine/index.js';
import { Llama, llamaShapes } from './llama.js';
import type { ModelConfig } from './model-config.js';
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
  return new Llama(engine, config, positions, dtype);
}

/** The shapes of all weights by their names in the program. */
export function modelShapes(config: ModelConfig): ReadonlyMap<string, readonly number[]> {
  return llamaShapes(config);
}

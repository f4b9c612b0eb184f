import type { Engine } from '../engine/index.js';
import { Llama, llamaShapes } from './llama.js';
import type { ModelConfig } from './model-config.js';
import type { TrainableModel } from './trainable-model.js';

/**
 * The model of a configuration, with undefined weights.
 *
 * @param positions longest sequence that will be run
 */
export function createModel(engine: Engine, config: ModelConfig, positions: number): TrainableModel {
  return new Llama(engine, config, positions);
}

/** The shapes of all weights by their names in the program. */
export function modelShapes(config: ModelConfig): ReadonlyMap<string, readonly number[]> {
  return llamaShapes(config);
}

import { join } from 'node:path';
import type { Engine } from '../engine/index.js';
import {
  AdaptedModel,
  frozenWeights,
  loadAdapter,
  loadWeights,
  saveAdapter,
  saveWeights,
  type TrainableModel,
  weightsFile,
  weightsFingerprint,
} from '../models/index.js';

/** The weights of a checkpoint: all of a model's, or only what was trained beside frozen ones. */
export interface WeightStore {
  save(directory: string): Promise<void>;
  /** @throws CheckpointError if the directory's weights are not those of this model */
  load(directory: string): Promise<void>;
}

export function weightStore(engine: Engine, model: TrainableModel): WeightStore {
  if (!(model instanceof AdaptedModel)) {
    return {
      save: (directory) => saveWeights(engine, model.parameters, directory, model.files),
      load: async (directory) => {
        loadWeights(engine, model.parameters, join(directory, weightsFile), model.files);
      },
    };
  }
  // An adapter remembers the frozen weights that it belongs to.
  const base = () => weightsFingerprint(engine, frozenWeights(model));
  return {
    save: async (directory) => saveAdapter(engine, model, directory, await base()),
    load: async (directory) => loadAdapter(engine, model, directory, await base()),
  };
}

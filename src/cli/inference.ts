import { type ComputingEngine, type Engine, openEngine } from '../engine/index.js';
import { type CausalModel, loadModelWeights, type ModelConfig, type TrainableModel } from '../models/index.js';
import type { ModelChoice } from './model-choice.js';
import { threadsOf } from './threads.js';

/** An engine with a trained model on it. */
export interface LoadedModel<M extends TrainableModel = CausalModel> extends Disposable {
  readonly engine: Engine;
  readonly model: M;
}

/**
 * Opens an engine and loads a model's weights.
 *
 * @param create makes the model, `createModel` or `createCausalModel`
 * @param positions longest sequence that will be run
 * @throws CheckpointError if the weights cannot be used
 */
export async function loadModel<M extends TrainableModel>(
  create: (engine: Engine, config: ModelConfig, positions: number) => M,
  { directory, config }: ModelChoice & { readonly directory: string },
  positions: number,
  options: { readonly engine: ComputingEngine; readonly threads?: number | undefined },
): Promise<LoadedModel<M>> {
  const engine = await openEngine(options.engine, { threads: threadsOf(options) });
  try {
    const model = create(engine, config, positions);
    await loadModelWeights(engine, model, directory);
    return { engine, model, [Symbol.dispose]: () => engine.dispose() };
  } catch (error) {
    engine.dispose();
    throw error;
  }
}

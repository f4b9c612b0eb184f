import { type ComputingEngine, type Engine, openEngine } from '../engine/index.js';
import { Llama, loadModelWeights } from '../models/index.js';
import type { ModelChoice } from './model-choice.js';
import { threadsOf } from './threads.js';

/** An engine with a trained model on it. */
export interface LoadedModel extends Disposable {
  readonly engine: Engine;
  readonly model: Llama;
}

/**
 * Opens an engine and loads a model's weights.
 *
 * @param positions longest sequence that will be run
 * @throws CheckpointError if the weights cannot be used
 */
export async function loadModel(
  { directory, config }: ModelChoice & { readonly directory: string },
  positions: number,
  options: { readonly engine: ComputingEngine; readonly threads?: number | undefined },
): Promise<LoadedModel> {
  const engine = await openEngine(options.engine, { threads: threadsOf(options) });
  try {
    const model = new Llama(engine, config, positions);
    await loadModelWeights(engine, model, directory);
    return { engine, model, [Symbol.dispose]: () => engine.dispose() };
  } catch (error) {
    engine.dispose();
    throw error;
  }
}

/**
 * CompAct for TypeScript: train language models in a fraction of the memory, with every saved byte accounted for.
 *
 * This entry gathers what a training script needs; each room is also there by itself (`compact-llm/engine`, `/tape`, ...).
 *
 * @module compact-llm
 */
export * from './data/index.js';
export { CompactError, type ComputingEngine, type Engine, InputError, openEngine } from './engine/index.js';
export {
  type GenerationOptions,
  generate,
  Llama,
  type LlamaConfig,
  loadWeights,
  openModelSource,
  presets,
  saveWeights,
} from './models/index.js';
export { type HostBatch, type MemoryPlan, makePlan, methods, type Prediction, predict } from './plan/index.js';
export { type StepReport, Trainer, type TrainerOptions, type TrainingSettings } from './train/index.js';

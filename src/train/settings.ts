import type { ModelConfig } from '../models/index.js';
import type { AdamWSettings, Schedule } from '../optim/index.js';
import type { MemoryPlan } from '../plan/index.js';

/** Everything that determines the numbers of a run; saved with each checkpoint, compared on resume. */
export interface TrainingSettings {
  readonly config: ModelConfig;
  readonly plan: MemoryPlan;
  /** Sequences per micro-batch. */
  readonly batch: number;
  /** Micro-batches per optimizer step. */
  readonly accumulate: number;
  readonly sequenceLength: number;
  readonly schedule: Schedule;
  readonly optimizer: AdamWSettings;
  /** Largest global norm of the gradients; null: no clipping. */
  readonly clip: number | null;
  /** Seed of initial weights, projections and data order. */
  readonly seed: number;
}

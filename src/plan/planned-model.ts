import type { Engine } from '../engine/index.js';
import { AdaptedModel, createModel, type ModelConfig, type TrainableModel } from '../models/index.js';
import type { MemoryPlan } from './memory-plan.js';

/** The model of a configuration with the adapters that a plan gives it, with undefined weights. */
export function createPlannedModel(
  engine: Engine,
  config: ModelConfig,
  positions: number,
  { adapters, precision }: MemoryPlan,
): TrainableModel {
  const base = createModel(engine, config, positions, precision.dtype);
  return adapters ? new AdaptedModel(engine, base, adapters) : base;
}

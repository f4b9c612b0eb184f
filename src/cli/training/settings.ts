import type { ModelConfig } from '../../models/index.js';
import { type MemoryPlan, updateSize } from '../../plan/index.js';
import type { TrainingSettings } from '../../train/index.js';
import { chooseSequenceLength } from '../model-choice.js';
import type { OptionValues } from '../option-table.js';
import type { GlobalValues, shapeOptions, trainingOptions } from '../options.js';

type TrainingValues = OptionValues<typeof trainingOptions> & OptionValues<typeof shapeOptions> & GlobalValues;

/**
 * Peak learning rate for exact gradients: Adam's, also for Muon, whose updates are made as large as Adam's. Adafactor's is relative
 * to the weights, and plain descent has nothing that brings gradients to the size of a step.
 */
function usualLearningRate({ optimizer }: MemoryPlan): number {
  const [{ update }] = optimizer;
  if (update.name === 'adafactor') return 2e-2;
  return update.name === 'sgd' ? 0.1 : 1e-3;
}

/** Settings of a run from the options, with the defaults that depend on other options. */
export function chooseSettings(values: TrainingValues, config: ModelConfig, plan: MemoryPlan): TrainingSettings {
  const { steps, warmup = Math.round(steps / 10) } = values;
  return {
    config,
    plan,
    batch: values.batch,
    accumulate: values.accumulate,
    sequenceLength: chooseSequenceLength(values.seq, config),
    schedule: {
      name: values.schedule,
      learningRate: values.lr ?? defaultLearningRate(plan),
      steps,
      warmup,
      minRatio: values.minLrRatio,
    },
    optimizer: chooseAdamSettings(values),
    clip: values.clip ?? null,
    seed: values.seed,
  };
}

/** The numbers that updates of all kinds share. */
export function chooseAdamSettings({
  betas: [beta1, beta2],
  eps: epsilon,
  epsForm: epsilonForm,
  weightDecay,
}: Pick<TrainingValues, 'betas' | 'eps' | 'epsForm' | 'weightDecay'>): TrainingSettings['optimizer'] {
  return { beta1, beta2, epsilon, epsilonForm, weightDecay };
}

/** Where updates of the blocks are smaller than Adam's, the learning rate makes up for it. */
export function defaultLearningRate(plan: MemoryPlan): number {
  return usualLearningRate(plan) / updateSize(plan);
}

import { InputError } from '../../engine/index.js';
import { resolveRank } from '../../keep/index.js';
import type { ModelConfig } from '../../models/index.js';
import type { MemoryPlan } from '../../plan/index.js';
import type { TrainingSettings } from '../../train/index.js';
import type { FineTuneValues } from '../command-options.js';
import { choosePlan } from '../plan-choice.js';
import { chooseAdamSettings } from '../training/settings.js';

/** Published fine-tuning settings of CompAct: r = 8 with α = 2, r = 4 with α = 4, T = 500; the exact layers are not scaled. */
const compactDefaults = { rank: { absolute: 8 }, updateGap: 500, scaleTimesRank: 16 } as const;

const usualLearningRates = { exact: 2e-5, adapters: 2e-4 } as const;

/** The plan of a fine-tuning, with the defaults that hold for it. */
export function chooseFineTuningPlan(values: FineTuneValues, config: ModelConfig): Promise<MemoryPlan> {
  const sketches = values.plan === undefined && values.method?.some((name) => name.startsWith('compact'));
  if (!sketches) return choosePlan(values, config);
  const rank = values.rank ?? compactDefaults.rank;
  const { scaleTimesRank, updateGap } = compactDefaults;
  const scale = values.scale ?? scaleTimesRank / resolveRank(rank, config.hiddenSize, 'the blocks');
  return choosePlan(
    {
      ...values,
      rank,
      scale,
      updateGap: values.updateGap === undefined ? updateGap : values.updateGap,
      outputScale: values.outputScale ?? 1 / scale,
    },
    config,
  );
}

/** @param sequenceLength of the longest row */
export function fineTuningSettings(
  values: FineTuneValues,
  config: ModelConfig,
  plan: MemoryPlan,
  run: { readonly sequenceLength: number; readonly stepsPerEpoch: number },
): TrainingSettings {
  const steps = run.stepsPerEpoch * values.epochs;
  return {
    config,
    plan,
    batch: values.batch,
    accumulate: values.accumulate,
    sequenceLength: run.sequenceLength,
    schedule: {
      name: values.schedule,
      learningRate: values.lr ?? usualLearningRates[plan.adapters ? 'adapters' : 'exact'],
      steps,
      warmup: values.warmup ?? Math.round(0.06 * steps),
      minRatio: values.minLrRatio,
    },
    optimizer: chooseAdamSettings(values),
    clip: values.clip ?? null,
    seed: values.seed,
  };
}

/** @throws InputError if a text may be longer than the model allows */
export function chooseMaxLength(maxLength: number | undefined, most: number, usual: number): number {
  if (maxLength === undefined) return Math.min(usual, most);
  if (maxLength <= most) return maxLength;
  throw new InputError(
    `--max-length: texts of ${maxLength} tokens are longer than the ${most} that the model allows`,
    `the most is --max-length ${most}`,
  );
}

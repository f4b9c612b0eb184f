import type { ComputingEngine } from '../../src/engine/index.js';
import { nativeStatus } from '../../src/engine/native/status.js';
import type { LlamaConfig } from '../../src/models/index.js';
import type { RecipeOptions } from '../../src/plan/index.js';
import type { StepReport, Trainer, TrainingData, TrainingSettings } from '../../src/train/index.js';
import { adamSettings, tinyBatch, tinyConfig, tinyPlan } from './tiny.js';

const status = nativeStatus();

/** Why tests on the native engine are skipped here; undefined where they run. */
export const nativeMissing = status.available ? undefined : `${status.reason}; build it with \`npm run build\``;

/** Title of a group that needs the native engine: says why it is skipped, where it is. */
export function nativeTitle(title: string): string {
  return nativeMissing === undefined ? title : `${title} (skipped: ${nativeMissing})`;
}

/** The engine that training tests run on: the native one, or the reference where there is no addon. */
export const engineHere: ComputingEngine = nativeMissing === undefined ? 'native' : 'reference';

/** Instruction sets that this machine can run. */
export const tiersHere = status.supported;

export interface TinySettings extends Partial<Omit<TrainingSettings, 'plan' | 'schedule'>> {
  readonly methods?: string;
  readonly options?: Partial<RecipeOptions>;
  readonly steps?: number;
  readonly learningRate?: number;
}

/** Settings of a short run of a tiny model. */
export function tinySettings(given: TinySettings = {}): TrainingSettings {
  const { methods = 'lean', options, steps = 2, learningRate = 1e-3, ...rest } = given;
  const config = given.config ?? tinyConfig;
  return {
    config,
    plan: tinyPlan(methods, config, options),
    batch: 2,
    accumulate: 1,
    sequenceLength: 16,
    schedule: { name: 'constant', learningRate, steps, warmup: 0, minRatio: 0.1 },
    optimizer: adamSettings,
    clip: null,
    seed: 1,
    ...rest,
  };
}

/** Random tokens, another batch for each index; `distinct` batches in turn. */
export function tinyData(settings: TrainingSettings, distinct = Number.POSITIVE_INFINITY): TrainingData {
  const { config, batch, sequenceLength } = settings;
  return {
    fingerprint: `tiny ${distinct}`,
    batch: (index) => tinyBatch(config, batch, sequenceLength, index % distinct),
    largest: tinyBatch(config, batch, sequenceLength),
  };
}

/** Trains to the end; what each step reported. */
export async function runAll(trainer: Trainer, until = Number.POSITIVE_INFINITY): Promise<StepReport[]> {
  const reports: StepReport[] = [];
  for await (const report of trainer.run()) {
    reports.push(report);
    if (report.step >= until) break;
  }
  return reports;
}

/** The values of all weights, by name. */
export async function weightsOf(trainer: Trainer): Promise<Map<string, Float32Array>> {
  const weights = new Map<string, Float32Array>();
  for (const { name, tensor } of trainer.model.parameters) {
    weights.set(name, Float32Array.from(await trainer.engine.read(tensor)));
  }
  return weights;
}

/** A model with other shapes than `tinyConfig`. */
export function shaped(changes: Partial<LlamaConfig>): LlamaConfig {
  return { ...tinyConfig, ...changes };
}

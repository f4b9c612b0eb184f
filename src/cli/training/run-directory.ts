import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Tokenizer } from '../../data/index.js';
import { InputError } from '../../engine/index.js';
import {
  AdaptedModel,
  describeAdapter,
  isAdapterDirectory,
  isEncoder,
  type ModelConfig,
  replaceFileWith,
  SaveError,
  type TrainableModel,
  toHuggingFaceConfig,
  weightsFile,
  writeAdapterConfig,
} from '../../models/index.js';
import type { MemoryPlan } from '../../plan/index.js';
import { planFile } from '../../report/index.js';
import { hasCheckpoint } from '../../train/index.js';

/**
 * Makes the directory of a run, and sees to it that nothing of value in it is replaced.
 *
 * @throws InputError if it holds a run that is not to be resumed, or a model that is no run
 * @throws SaveError if it cannot be made
 */
export async function prepareRunDirectory(directory: string, resume: boolean): Promise<void> {
  const started = await hasCheckpoint(directory);
  if (started && !resume) {
    throw new InputError(
      `${directory}: holds a run already`,
      'add --resume to continue it, or name another directory with --out',
    );
  }
  if (!started && existsSync(join(directory, weightsFile))) {
    throw new InputError(
      `${directory}: holds a model that is no run of this program`,
      'name another directory with --out',
    );
  }
  await makeDirectory(directory);
}

/** @throws SaveError if the directory cannot be made */
export async function makeDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SaveError(`${directory}: cannot be made: ${reason}`, 'name another directory with --out', error);
  }
}

/**
 * Refuses what adapters cannot be added to.
 *
 * @param init directory of the weights that the run starts from
 */
export function requireAdaptable({ adapters }: MemoryPlan, init: string | undefined): void {
  if (!adapters) return;
  if (init === undefined) {
    throw new InputError('adapters are added to trained weights', 'name the directory of a model with --init');
  }
  if (isAdapterDirectory(init)) {
    throw new InputError(
      `${init}: holds an adapter, and another one is to be added`,
      `merge it first: compact convert --from peft ${init} --out DIR`,
    );
  }
}

/** What a run is described by. */
export interface RunDescription {
  readonly config: ModelConfig;
  readonly plan: MemoryPlan;
  readonly tokenizer: Tokenizer | undefined;
  /** Directory of the weights that the run starts from. */
  readonly init: string | undefined;
  readonly model: TrainableModel;
}

/** Writes what is known before the first step: the model's configuration, its tokenizer, the plan, and what it adapts. */
export async function describeRun(
  directory: string,
  { config, plan, tokenizer, init, model }: RunDescription,
): Promise<void> {
  await writeModelConfig(directory, toHuggingFaceConfig(config, plan.precision.dtype));
  await replaceFileWith(join(directory, planFile), `${JSON.stringify(plan, null, 2)}\n`);
  await tokenizer?.save(directory);
  if (plan.adapters && init !== undefined && model instanceof AdaptedModel) {
    const { rank, alpha } = plan.adapters;
    const base = resolve(init);
    const taskType = !isEncoder(config)
      ? 'CAUSAL_LM'
      : config.head === 'classification' || config.head === 'regression'
        ? 'SEQ_CLS'
        : 'FEATURE_EXTRACTION';
    await writeAdapterConfig(directory, { rank, alpha, base, taskType, ...describeAdapter(model) });
  }
}

/** Writes `config.json`. */
export async function writeModelConfig(directory: string, config: object): Promise<void> {
  await replaceFileWith(join(directory, 'config.json'), `${JSON.stringify(config, null, 2)}\n`);
}

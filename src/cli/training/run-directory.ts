import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Tokenizer } from '../../data/index.js';
import { InputError } from '../../engine/index.js';
import { type ModelConfig, replaceFileWith, SaveError, toHuggingFaceConfig, weightsFile } from '../../models/index.js';
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

/** Writes what is known before the first step: the model's configuration, its tokenizer and the plan. */
export async function describeRun(
  directory: string,
  config: ModelConfig,
  plan: MemoryPlan,
  tokenizer: Tokenizer | undefined,
): Promise<void> {
  await writeModelConfig(directory, toHuggingFaceConfig(config));
  await replaceFileWith(join(directory, planFile), `${JSON.stringify(plan, null, 2)}\n`);
  await tokenizer?.save(directory);
}

/** Writes `config.json`. */
export async function writeModelConfig(directory: string, config: object): Promise<void> {
  await replaceFileWith(join(directory, 'config.json'), `${JSON.stringify(config, null, 2)}\n`);
}

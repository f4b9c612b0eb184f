import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Engine, Tensor } from '../engine/index.js';
import {
  adapterWeightsFile,
  CheckpointError,
  loadWeights,
  replaceFileWith,
  SaveError,
  tensorEntry,
  weightsFile,
  writeSafetensors,
} from '../models/index.js';
import { isSystemError } from '../models/save-file.js';
import { parsePlan } from '../plan/index.js';
import { requireIdle } from './directory-lock.js';
import type { TrainingSettings } from './settings.js';
import type { WeightStore } from './weight-store.js';

const stateFile = 'trainer_state.json';
const optimizerFile = 'optimizer.safetensors';
const checkpointFiles = [weightsFile, adapterWeightsFile, optimizerFile, stateFile] as const;

/** The next checkpoint is written here in full before its files replace the last one's. */
const stagingDirectory = '.next';
/** Present in the staging directory only once everything in it is complete and on disk. */
const completeMark = 'COMPLETE';

const stateSchema = z.object({
  version: z.literal(1),
  step: z.number().int().nonnegative(),
  tokens: z.number().int().nonnegative(),
  settings: z.record(z.string(), z.unknown()),
  data: z.string(),
});

/** Where a run stands. Seeds, sketches and the data position follow from the settings and the step. */
export interface TrainerState {
  /** Completed optimizer steps. */
  readonly step: number;
  readonly tokens: number;
  readonly settings: TrainingSettings;
  /** Fingerprint of the training windows. */
  readonly data: string;
}

/** What a checkpoint is written from and read into. */
export interface Checkpointed {
  readonly engine: Engine;
  readonly weights: WeightStore;
  readonly optimizerState: ReadonlyMap<string, Tensor>;
}

/**
 * Writes weights, moments and position as one unit: all files are completed in a staging directory, marked complete, and
 * only then renamed over the earlier ones. A kill at any moment leaves either the earlier checkpoint or the new one.
 *
 * @throws SaveError if the disk is full or the directory cannot be written; the earlier checkpoint stays intact
 */
export async function saveCheckpoint(directory: string, from: Checkpointed, state: TrainerState): Promise<void> {
  const staging = join(directory, stagingDirectory);
  try {
    // A save that was cut off while renaming is finished first: dropping it would leave files of two checkpoints.
    await settleCheckpoint(directory);
    await mkdir(staging, { recursive: true });
    await from.weights.save(staging);
    await writeSafetensors(
      join(staging, optimizerFile),
      [...from.optimizerState].map(([name, tensor]) => tensorEntry(from.engine, { name, tensor })),
    );
    await replaceFileWith(join(staging, stateFile), `${JSON.stringify({ version: 1, ...state }, null, 2)}\n`);
    await replaceFileWith(join(staging, completeMark), '');
    await settleCheckpoint(directory);
  } catch (error) {
    // What is complete stays: the next start finishes it.
    if (!existsSync(join(staging, completeMark))) {
      await rm(staging, { recursive: true, force: true }).catch(() => undefined);
    }
    throw isSystemError(error) ? new SaveError(`${directory}: cannot be written: ${error.message}`) : error;
  }
}

/** Brings a run directory to one consistent checkpoint: finishes a complete staged one, drops an incomplete one. */
export async function settleCheckpoint(directory: string): Promise<void> {
  const staging = join(directory, stagingDirectory);
  if (!existsSync(staging)) return;
  if (existsSync(join(staging, completeMark))) {
    const staged = await readdir(staging);
    for (const file of checkpointFiles) {
      if (staged.includes(file)) await rename(join(staging, file), join(directory, file));
    }
  }
  await rm(staging, { recursive: true, force: true });
}

/**
 * Whether the directory holds a checkpoint to resume from.
 *
 * @throws InputError if another process trains there: what it is writing must not be touched
 */
export async function hasCheckpoint(directory: string): Promise<boolean> {
  await requireIdle(directory);
  return findCheckpoint(directory);
}

/** The same for who trains there. */
export async function findCheckpoint(directory: string): Promise<boolean> {
  await settleCheckpoint(directory);
  return existsSync(join(directory, stateFile));
}

/**
 * Reads a checkpoint into the weights and moments.
 *
 * @throws CheckpointError if files are damaged, or belong to a run with other settings
 */
export async function loadCheckpoint(
  directory: string,
  into: Checkpointed,
  expected: { readonly settings: TrainingSettings; readonly data: string },
): Promise<{ readonly step: number; readonly tokens: number }> {
  await settleCheckpoint(directory);
  const state = await readState(join(directory, stateFile));
  refuseOtherSettings(directory, state.settings, expected.settings);
  if (state.data !== expected.data) {
    throw new CheckpointError(
      `${directory}: the run was trained on other data (or with another tokenizer, sequence length or split)`,
      'resume with the same --data, --tokenizer and --val options',
    );
  }
  await into.weights.load(directory);
  const moments = [...into.optimizerState].map(([name, tensor]) => ({ name, tensor }));
  loadWeights(into.engine, moments, join(directory, optimizerFile));
  return { step: state.step, tokens: state.tokens };
}

const chosenSchema = z.looseObject({
  plan: z.unknown(),
  batch: z.number().int().positive(),
  accumulate: z.number().int().positive(),
});

/**
 * What a budget chose when the run in this directory began; undefined where there is no checkpoint.
 *
 * @throws CheckpointError if it cannot be read
 */
export async function checkpointedChoice(
  directory: string,
): Promise<Pick<TrainingSettings, 'plan' | 'batch' | 'accumulate'> | undefined> {
  if (!(await hasCheckpoint(directory))) return undefined;
  const path = join(directory, stateFile);
  const parsed = chosenSchema.safeParse((await readState(path)).settings);
  if (!parsed.success) throw new CheckpointError(`${path}: its settings are damaged`);
  const { plan, batch, accumulate } = parsed.data;
  return { plan: parsePlan(plan, path), batch, accumulate };
}

async function readState(path: string) {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw new CheckpointError(`${path}: not a readable checkpoint`, 'start the run again without --resume', error);
  }
  const parsed = stateSchema.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new CheckpointError(`${path}: ${issue?.path.join('.')}: ${issue?.message}`);
  }
  return parsed.data;
}

/** All settings must be those of the run, so that its numbers continue; only the number of steps may grow. */
function refuseOtherSettings(directory: string, saved: Record<string, unknown>, now: TrainingSettings): void {
  const before = flatten(saved);
  const after = flatten(JSON.parse(JSON.stringify(now)));
  for (const name of new Set([...before.keys(), ...after.keys()])) {
    if (name === 'schedule.steps' || before.get(name) === after.get(name)) continue;
    throw new CheckpointError(
      `${directory}: the run has ${name} = ${before.get(name)}, this command says ${after.get(name)}`,
      'resume with the options the run was started with, or start a new run in another directory',
    );
  }
}

function flatten(value: unknown, path = ''): Map<string, unknown> {
  if (value === null || typeof value !== 'object') return new Map([[path, value]]);
  return new Map(Object.entries(value).flatMap(([key, inner]) => [...flatten(inner, path ? `${path}.${key}` : key)]));
}

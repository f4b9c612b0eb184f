import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FileLock } from '../../train/file-lock.js';
import { Output } from '../output.js';
import { fileName } from './file-name.js';
import type { PretrainRow, PretrainRows } from './pretrain-rows.js';
import type { PretrainStudy, StudyEntry } from './pretrain-study.js';
import { bestRate, nextTrial } from './rate-search.js';
import { trainingOf } from './same-training.js';

/** What a study is run with. */
export interface StudyRun {
  readonly study: PretrainStudy;
  readonly entries: readonly StudyEntry[];
  readonly seeds: readonly number[];
  readonly table: PretrainRows;
  /** Of files that tell other processes of the same study what this one is at. */
  readonly directory: string;
  readonly output: Output;
  readonly signal: AbortSignal;
}

/** What became of a method with the seeds it was to have. */
type Progress = 'done' | 'stopped' | 'with another process';

/**
 * All methods with the first seed, then with the next one: a study that is stopped early compares them all. Processes of the
 * same study share the work, each at a method that no other is at.
 *
 * @returns whether it was stopped
 */
export async function runStudy(run: StudyRun): Promise<boolean> {
  const { entries, seeds, table, output, signal } = run;
  let open = seeds.flatMap((_, index) => entries.map((entry) => ({ entry, own: seeds.slice(0, index + 1) })));
  for (let waiting = false; ; waiting = true) {
    const left: typeof open = [];
    for (const part of open) {
      if (signal.aborted) return true;
      const progress = await advance(run, part.entry, part.own);
      if (progress === 'stopped') return true;
      if (progress === 'with another process') left.push(part);
    }
    open = left;
    if (open.length === 0) return false;
    if (!waiting) output.note('another process is at the rest; waiting for it');
    await sleep(500, undefined, { signal }).catch(() => {});
    await table.reload();
  }
}

/** Trains one method with these seeds, as far as that is not done. */
async function advance(run: StudyRun, entry: StudyEntry, seeds: readonly number[]): Promise<Progress> {
  const { study, table, directory, output, signal } = run;
  const lock = await FileLock.take(join(directory, `${fileName(entry.label)}.lock`));
  if (!(lock instanceof FileLock)) return 'with another process';
  await using _ = lock;
  await table.reload();
  const repetition = await isRepetition(run, entry, seeds[0]);
  if (repetition === undefined) return 'with another process';
  if (repetition) return 'done';
  const quiet = new Output({ json: false, quiet: true, silent: true });
  for (;;) {
    const trial = nextTrial(entry.rates, seeds, table.of(entry.label));
    if (!trial) return 'done';
    if (signal.aborted) return 'stopped';
    const row = await study.train(entry, trial, quiet, signal);
    if (!row) return 'stopped';
    await table.add(row);
    await study.clear(entry, trial);
    output.note(rowLine(row));
  }
}

/**
 * Whether a method trains to the same bits as an earlier one, so that it need not be trained again; checked once. Undefined
 * where that has yet to be trained, by another process.
 */
async function isRepetition(
  { study, entries, table, output }: StudyRun,
  entry: StudyEntry,
  seed: number,
): Promise<boolean | undefined> {
  const own = table.of(entry.label);
  if (own.length > 0) return own[0].sameAs !== '';
  for (const reference of entries.slice(0, entries.indexOf(entry))) {
    const trained = table.of(reference.label);
    if (trainingOf(reference.plan) !== trainingOf(entry.plan) || trained.some(({ sameAs }) => sameAs !== '')) continue;
    if (nextTrial(reference.rates, [seed], trained)) return undefined;
    const lr = bestRate(seed, trained);
    const row = lr === undefined ? undefined : await study.repeats(reference, entry, { lr, seed });
    if (!row) continue;
    await table.add(row);
    output.note(rowLine(row));
    return true;
  }
  return false;
}

function rowLine({ method, lr, seed, loss, sameAs }: PretrainRow): string {
  if (sameAs !== '') return `${method}: the losses of ${sameAs}`;
  return `${method}, learning rate ${lr}, seed ${seed}: ${loss?.toFixed(4) ?? 'diverged'}`;
}

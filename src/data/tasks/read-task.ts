import { statSync } from 'node:fs';
import { InputError } from '../../engine/errors.js';
import { readBenchmark } from './benchmark-files.js';
import type { Example } from './collate.js';
import type { SequenceEncoder } from './encode-sequence.js';
import { holdOut, type Split } from './hold-out.js';

import type { TableFormat } from './table.js';
import { isBenchmark, LabelSet, type TaskName, tasks } from './task.js';
import { type ColumnNames, readTextRows, type TextRow } from './text-rows.js';

/** Where the labelled texts of a task are. */
export interface TaskData {
  readonly task: TaskName;
  /** A benchmark's directory, or a file with named columns. */
  readonly data: string;
  /** A file of held-out rows; undefined: a benchmark's own, or a fraction of `data`. */
  readonly validation?: string | undefined;
  /** Last fraction, in an order by seed, that is held out where there is no other validation data. */
  readonly validationFraction: number;
  readonly columns: Required<Pick<ColumnNames, 'text' | 'label'>> & Pick<ColumnNames, 'pair'>;
  readonly format?: TableFormat | undefined;
  readonly seed: number;
}

/** @throws InputError if files are missing or not what they should be */
export async function readTaskRows(given: TaskData): Promise<Split<TextRow>> {
  const { task, data, validation, columns, format } = given;
  const isDirectory = statSync(data, { throwIfNoEntry: false })?.isDirectory() ?? false;
  const read = (path: string) => readTextRows(path, columns, { format });
  if (isDirectory) {
    if (!isBenchmark(task)) {
      throw new InputError(`${data}: a directory; ${task} reads a file`, 'name a .jsonl, .csv or .tsv file');
    }
    const train = await readBenchmark(task, data, 'train');
    return { train, validation: await (validation ? read(validation) : readBenchmark(task, data, 'validation')) };
  }
  const rows = await read(data);
  return validation
    ? { train: rows, validation: await read(validation) }
    : holdOut(rows, given.validationFraction, given.seed);
}

/** The classes of a classification: the task's own, those that were named, or those of the training rows. */
export function labelsOf(
  task: TaskName,
  named: readonly string[] | undefined,
  rows: readonly TextRow[],
): LabelSet | undefined {
  const { objective, labels } = tasks[task];
  if (objective === 'regression') return undefined;
  if (labels ?? named) return new LabelSet(labels ?? named ?? []);
  return LabelSet.of(rows.map(({ label = '' }) => label));
}

/**
 * Rows as a model reads them.
 *
 * @param labels undefined for a regression
 * @throws InputError for a label that is none of the classes or no number, or a text that is too long
 */
export function encodeRows(
  rows: readonly TextRow[],
  encoder: SequenceEncoder,
  labels: LabelSet | undefined,
): readonly Example[] {
  return rows.map((row) => ({ ...encoder.encode(row), label: labelOf(row, labels) }));
}

function labelOf({ label = '', where }: TextRow, labels: LabelSet | undefined): number {
  if (labels) return labels.idOf(label, where);
  const score = Number(label);
  if (label !== '' && Number.isFinite(score)) return score;
  throw new InputError(
    `${where}: the label ${JSON.stringify(label)} is no number`,
    'a regression needs a score per row',
  );
}

import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../../engine/errors.js';
import { readWholeFile, separatedRows, type TableRow } from './table.js';
import type { BenchmarkName } from './task.js';
import { type TextRow, textRow } from './text-rows.js';

/** Which columns hold what, by name where the file has a header, else by place. */
interface Layout {
  readonly text: string | number;
  readonly pair?: string | number;
  readonly label: string | number;
  /** Values are enclosed in quotes as in CSV; otherwise a quote is an ordinary character. */
  readonly quoting?: boolean;
}

/** A split is the files of the first of these lists that are all there. */
type FileLists = readonly (readonly string[])[];

interface Benchmark {
  /** Name of the directory, where `--data` names the one that holds all tasks. */
  readonly directory: string;
  readonly train: FileLists;
  readonly validation: FileLists;
  /** The first whose columns the file has. */
  readonly layouts: readonly Layout[];
  /** What the files write, and the label's name; without it they write the name, or a number. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Some rows of the release are cut off or empty, and are left out as usual. */
  readonly skipsBrokenRows?: boolean;
}

const usual = { train: [['train.tsv']], validation: [['dev.tsv']] };
const binary = (zero: string, one: string) => ({ 0: zero, 1: one });

/** Files of GLUE's usual release, and of the sources they were made from; and of IMDb. */
const benchmarks: { readonly [B in BenchmarkName]: Benchmark } = {
  cola: {
    directory: 'CoLA',
    train: [['train.tsv'], ['in_domain_train.tsv']],
    validation: [['dev.tsv'], ['in_domain_dev.tsv', 'out_of_domain_dev.tsv']],
    layouts: [{ text: 3, label: 1 }],
    labels: binary('unacceptable', 'acceptable'),
  },
  sst2: {
    ...usual,
    directory: 'SST-2',
    layouts: [{ text: 'sentence', label: 'label' }],
    labels: binary('negative', 'positive'),
  },
  mrpc: {
    ...usual,
    directory: 'MRPC',
    layouts: [
      { text: '#1 String', pair: '#2 String', label: 'Quality' },
      { text: 'sentence1', pair: 'sentence2', label: 'label', quoting: true },
    ],
    labels: binary('not_equivalent', 'equivalent'),
  },
  stsb: {
    directory: 'STS-B',
    train: [['train.tsv'], ['sts-train.csv']],
    validation: [['dev.tsv'], ['sts-dev.csv']],
    layouts: [
      { text: 'sentence1', pair: 'sentence2', label: 'score' },
      { text: 5, pair: 6, label: 4 },
    ],
  },
  qqp: {
    ...usual,
    directory: 'QQP',
    layouts: [{ text: 'question1', pair: 'question2', label: 'is_duplicate' }],
    labels: binary('not_duplicate', 'duplicate'),
    skipsBrokenRows: true,
  },
  mnli: {
    directory: 'MNLI',
    train: [['train.tsv']],
    validation: [['dev_matched.tsv'], ['dev.tsv']],
    layouts: [{ text: 'sentence1', pair: 'sentence2', label: 'gold_label' }],
  },
  qnli: { ...usual, directory: 'QNLI', layouts: [{ text: 'question', pair: 'sentence', label: 'label' }] },
  rte: { ...usual, directory: 'RTE', layouts: [{ text: 'sentence1', pair: 'sentence2', label: 'label' }] },
  wnli: {
    directory: 'WNLI',
    train: [['train.tsv', 'val.tsv'], ['train.tsv']],
    validation: [['dev.tsv']],
    layouts: [{ text: 'sentence1', pair: 'sentence2', label: 'label' }],
    labels: binary('not_entailment', 'entailment'),
  },
  imdb: {
    directory: 'aclImdb',
    train: [['imdb-train.tsv.gz'], ['imdb-train.tsv']],
    validation: [['imdb-test.tsv.gz'], ['imdb-test.tsv']],
    layouts: [{ text: 3, label: 0 }],
    labels: binary('negative', 'positive'),
  },
};

/**
 * Labelled rows of a benchmark's split.
 *
 * @param directory the task's own, or the one above it
 * @throws InputError if files are missing or not as the benchmark has them
 */
export async function readBenchmark(
  name: BenchmarkName,
  directory: string,
  split: 'train' | 'validation',
): Promise<readonly TextRow[]> {
  const benchmark = benchmarks[name];
  const below = join(directory, benchmark.directory);
  const places = existsSync(below) ? [below, directory] : [directory];
  for (const place of places) {
    const found = benchmark[split].find((files) => files.every((file) => existsSync(join(place, file))));
    if (found) return readFiles(name, benchmark, place, found);
    if (name === 'imdb') {
      const reviews = join(place, split === 'train' ? 'train' : 'test');
      if (existsSync(join(reviews, 'pos'))) return readReviews(reviews);
    }
  }
  const wanted = benchmark[split].map((files) => files.join(' and ')).join(', or ');
  throw new InputError(
    `${directory}: holds no ${split} files of ${name}`,
    `looked for are ${wanted}, here or in ${benchmark.directory}/; any other file is read by --task classification`,
  );
}

async function readFiles(
  name: BenchmarkName,
  benchmark: Benchmark,
  directory: string,
  files: readonly string[],
): Promise<readonly TextRow[]> {
  const rows: TextRow[] = [];
  let columns: Columns | undefined;
  for (const file of files) {
    const path = join(directory, file);
    const text = await readWholeFile(path);
    const found = columnsOf(benchmark.layouts, text);
    // A later file without a header has its columns in the order of the first.
    columns = found ?? columns;
    if (!columns) throw new InputError(`${path}: has not the columns of ${name}`, 'is it a file of that task?');
    const all = separatedRows(text, path, { delimiter: '\t', quoting: columns.quoting });
    const body = found?.header ? all.slice(1) : all;
    for (const row of body) {
      const read = readRow(row, columns, benchmark);
      if (read) rows.push(read);
    }
  }
  return rows;
}

interface Columns {
  readonly text: number;
  readonly pair: number | undefined;
  readonly label: number;
  readonly quoting: boolean;
  readonly header: boolean;
}

/** Places of a layout's columns by the file's first line; undefined if no layout fits. */
function columnsOf(layouts: readonly Layout[], text: string): Columns | undefined {
  const [firstLine] = text.split('\n', 1);
  const head = firstLine.trimEnd().split('\t');
  const placeOf = (column: string | number) => (typeof column === 'number' ? column : head.indexOf(column));
  for (const { text: first, pair, label, quoting = false } of layouts) {
    const columns = {
      text: placeOf(first),
      pair: pair === undefined ? undefined : placeOf(pair),
      label: placeOf(label),
      quoting,
      header: typeof first === 'string',
    };
    const fits = [columns.text, columns.pair, columns.label].every(
      (place) => place === undefined || (place >= 0 && place < head.length),
    );
    if (fits) return columns;
  }
  return undefined;
}

function readRow({ cells, where }: TableRow, columns: Columns, benchmark: Benchmark): TextRow | undefined {
  const places: Readonly<Record<string, number | undefined>> = {
    text: columns.text,
    pair: columns.pair,
    label: columns.label,
  };
  const at = (column: string): string => {
    const value = cells[places[column] ?? -1];
    if (value === undefined) throw new InputError(`${where}: the row is too short`, 'the file is damaged');
    return value;
  };
  const names = { text: 'text', label: 'label', ...(columns.pair !== undefined && { pair: 'pair' }) };
  try {
    const row = textRow(at, names, where);
    const { label = '' } = row;
    return { ...row, label: benchmark.labels?.[label] ?? label };
  } catch (error) {
    if (benchmark.skipsBrokenRows && error instanceof InputError) return undefined;
    throw error;
  }
}

/** IMDb as it is published: a file per review in `pos` and `neg`. */
async function readReviews(directory: string): Promise<readonly TextRow[]> {
  const rows: TextRow[] = [];
  for (const [folder, label] of [
    ['neg', 'negative'],
    ['pos', 'positive'],
  ]) {
    const files = (await readdir(join(directory, folder))).filter((file) => file.endsWith('.txt')).sort();
    for (const file of files) {
      const where = join(directory, folder, file);
      const text = await readFile(where, 'utf8');
      rows.push(textRow((name) => (name === 'text' ? text : label), { text: 'text', label: 'label' }, where));
    }
  }
  return rows;
}

import { formatBytes, formatDuration } from '../../report/index.js';

/** What one run of a study gave. */
export interface StudyRow {
  readonly task: string;
  readonly method: string;
  readonly seed: number;
  readonly metric: string;
  /** Best evaluation. */
  readonly score: number;
  readonly bestStep: number;
  readonly steps: number;
  /** Ledger, bytes. */
  readonly peak: number;
  readonly savedPeak: number;
  readonly seconds: number;
}

const columns = [
  'task',
  'method',
  'seed',
  'metric',
  'score',
  'bestStep',
  'steps',
  'peak',
  'savedPeak',
  'seconds',
] as const;

/** One line per run; bytes and seconds. */
export function studyCsv(rows: readonly StudyRow[]): string {
  const lines = rows.map((row) => columns.map((column) => row[column]).join(','));
  return `${[columns.join(','), ...lines].join('\n')}\n`;
}

/** Mean and sample deviation, of which there is none for one value. */
export function spread(values: readonly number[]): { readonly mean: number; readonly deviation: number | undefined } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  if (values.length < 2) return { mean, deviation: undefined };
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: Math.sqrt(squares / (values.length - 1)) };
}

/** Scores in points (×100) with their spread over seeds; the average over tasks that all methods have; peak and time. */
export function studyMarkdown(rows: readonly StudyRow[], about: readonly string[]): string {
  const tasks = distinct(rows.map(({ task }) => task));
  const methods = distinct(rows.map(({ method }) => method));
  const of = (method: string, task: string) => rows.filter((row) => row.method === method && row.task === task);
  const shared = tasks.filter((task) => methods.every((method) => of(method, task).length > 0));
  const header = ['method', ...tasks.map((task) => `${task} (${of(methods[0], task)[0]?.metric ?? ''})`)];
  const lines = methods.map((method) => {
    const own = rows.filter((row) => row.method === method);
    const means = shared.map((task) => 100 * spread(of(method, task).map(({ score }) => score)).mean);
    return [
      `\`${method}\``,
      ...tasks.map((task) => cell(of(method, task).map(({ score }) => 100 * score))),
      means.length > 0 ? spread(means).mean.toFixed(2) : '',
      formatBytes(Math.max(...own.map(({ peak }) => peak))),
      formatBytes(Math.max(...own.map(({ savedPeak }) => savedPeak))),
      formatDuration(own.reduce((sum, { seconds }) => sum + seconds, 0)),
    ];
  });
  const head = [...header, shared.length === tasks.length ? 'average' : `average of ${shared.join(', ')}`];
  const all = [[...head, 'largest peak', 'saved for backward', 'time of all runs'], ...lines];
  const [first, ...rest] = all.map((cells) => `| ${cells.join(' | ')} |`);
  const rule = `|${'---|'.repeat(all[0].length)}`;
  return `${[...about, '', first, rule, ...rest].join('\n')}\n`;
}

function cell(values: readonly number[]): string {
  if (values.length === 0) return '';
  const { mean, deviation } = spread(values);
  return deviation === undefined ? mean.toFixed(2) : `${mean.toFixed(2)} ± ${deviation.toFixed(2)}`;
}

function distinct(values: readonly string[]): readonly string[] {
  return [...new Set(values)];
}

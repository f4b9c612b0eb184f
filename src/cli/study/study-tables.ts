import { formatBytes, formatDuration } from '../../report/index.js';
import { csvLine } from './csv.js';

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
  return [columns, ...rows.map((row) => columns.map((column) => row[column]))].map(csvLine).join('');
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
  const shared = sharedTasks(rows);
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

/** Tasks that every method was tried on. */
function sharedTasks(rows: readonly StudyRow[]): readonly string[] {
  const methods = distinct(rows.map(({ method }) => method));
  const tried = new Set(rows.map(({ task, method }) => `${task} ${method}`));
  return distinct(rows.map(({ task }) => task)).filter((task) =>
    methods.every((method) => tried.has(`${task} ${method}`)),
  );
}

/** A method's average over the tasks that all methods have, in points, for each seed that has them all. */
export function averagesBySeed(rows: readonly StudyRow[], method: string): readonly number[] {
  const tasks = sharedTasks(rows);
  const own = rows.filter((row) => row.method === method && tasks.includes(row.task));
  return distinct(own.map(({ seed }) => seed)).flatMap((seed) => {
    const scores = own.filter((row) => row.seed === seed).map(({ score }) => 100 * score);
    return scores.length < tasks.length || tasks.length === 0 ? [] : [spread(scores).mean];
  });
}

function cell(values: readonly number[]): string {
  if (values.length === 0) return '';
  const { mean, deviation } = spread(values);
  return deviation === undefined ? mean.toFixed(2) : `${mean.toFixed(2)} ± ${deviation.toFixed(2)}`;
}

export function distinct<T extends string | number>(values: readonly T[]): readonly T[] {
  return [...new Set(values)];
}

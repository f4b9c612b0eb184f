import { join } from 'node:path';
import { replaceFileWith } from '../../models/index.js';
import { formatBytes, formatCount, formatDuration, studyCharts } from '../../report/index.js';
import type { PretrainRow } from './pretrain-rows.js';
import { bestRate, isSameRate } from './rate-search.js';
import { spread } from './study-tables.js';

/** What all runs of a study have in common. */
export interface StudyDescription {
  readonly model: string;
  readonly parameters: number;
  readonly steps: number;
  /** Of one run. */
  readonly tokens: number;
  readonly batch: string;
  readonly data: string;
  readonly heldOut: string;
  /** Labels, in the order in which they were asked for; the first is what others are compared with. */
  readonly methods: readonly string[];
  readonly seeds: readonly number[];
  readonly lrs: readonly number[];
  readonly schedule: string;
  readonly clip: number | undefined;
}

/** One method at its best learning rate. */
export interface StudyResult {
  readonly method: string;
  readonly lr: number;
  /** By seed. */
  readonly losses: ReadonlyMap<number, number>;
  readonly peak: number;
  readonly savedPeak: number;
  readonly secondsPerStep: number;
  /** The method whose losses these are. */
  readonly sameAs: string | undefined;
}

/**
 * The best learning rate of each method that ended well at one of them, and what it gave.
 *
 * @param first methods that come first, in this order: that of the rows is the one in which processes happened to end
 */
export function studyResults(
  rows: readonly PretrainRow[],
  firstSeed: number,
  first: readonly string[],
): readonly StudyResult[] {
  const trained = new Set(rows.map(({ method }) => method));
  const methods = new Set([...first.filter((method) => trained.has(method)), ...trained]);
  return [...methods].flatMap((method): StudyResult[] => {
    const own = rows.filter((row) => row.method === method);
    const repeats = own.find(({ sameAs }) => sameAs !== '');
    const trained = repeats ? rows.filter((row) => row.method === repeats.sameAs) : own;
    const lr = bestRate(firstSeed, trained);
    if (lr === undefined) return [];
    const best = trained.filter((row) => isSameRate(row.lr, lr));
    const measured = repeats ? [repeats] : best;
    return [
      {
        ...{ method, lr, sameAs: repeats?.sameAs },
        losses: new Map(best.flatMap(({ seed, loss }) => (loss === undefined ? [] : [[seed, loss]]))),
        peak: Math.max(...measured.map(({ peak }) => peak)),
        savedPeak: Math.max(...measured.map(({ savedPeak }) => savedPeak)),
        secondsPerStep: Math.min(...measured.map(({ secondsPerStep }) => secondsPerStep)),
      },
    ];
  });
}

/**
 * The table of a study in Markdown, best first. The last column is the mean difference from the reference over the seeds that
 * both have, with its sample deviation.
 */
export function studyTable(results: readonly StudyResult[], reference: string): string {
  const base = results.find(({ method }) => method === reference);
  const sorted = results.toSorted((a, b) => meanLoss(a) - meanLoss(b));
  const header = [
    'method',
    'loss',
    'seeds',
    `against \`${reference}\``,
    'learning rate',
    'peak',
    'saved',
    'time per step',
  ];
  const lines = sorted.map((result) => {
    const { method, losses, lr, peak, savedPeak, secondsPerStep, sameAs } = result;
    const repeated = sameAs === undefined ? '' : ` (the bits of \`${sameAs}\`)`;
    return [
      `\`${method}\`${repeated}`,
      withDeviation([...losses.values()]),
      String(losses.size),
      base ? difference(result, base) : '',
      String(lr),
      formatBytes(peak),
      formatBytes(savedPeak),
      formatDuration(secondsPerStep),
    ];
  });
  const [first, ...rest] = [header, ...lines].map((cells) => `| ${cells.join(' | ')} |`);
  return [first, `|${'---|'.repeat(header.length)}`, ...rest].join('\n');
}

/**
 * Writes `study.md` and the charts beside the table of rows.
 *
 * @returns the page
 */
export async function writeStudyPage(
  directory: string,
  rows: readonly PretrainRow[],
  description: StudyDescription,
): Promise<string> {
  const results = studyResults(rows, description.seeds[0], description.methods);
  const reference = results[0]?.method ?? '';
  const points = results.map(({ method: name, losses, peak }) => ({ name, losses: [...losses.values()], peak }));
  const charts = await studyCharts(points, reference, 'held-out loss, nats per token');
  for (const { file, svg } of charts) await replaceFileWith(join(directory, file), svg);
  const pictures = charts.map(({ file }) => `![${file.replace('.svg', '').replaceAll('-', ' ')}](${file})`);
  const page = [introduction(description), studyTable(results, reference), ...pictures].join('\n\n');
  await replaceFileWith(join(directory, 'study.md'), `${page}\n`);
  return page;
}

function introduction(about: StudyDescription): string {
  const { model, parameters, steps, tokens, batch, data, heldOut, seeds, lrs, schedule, clip } = about;
  const clipped = clip === undefined ? '' : `, gradients clipped at ${clip}`;
  return [
    '# Pre-training study',
    '',
    `\`${model}\`, ${formatCount(parameters)} parameters; ${steps} steps of ${batch}, ${formatCount(tokens)} in all; trained on ${data}, held out: ${heldOut}.`,
    `Schedule ${schedule}${clipped}; seeds ${seeds.join(', ')}. Rates ${lrs.join(', ')} of the blocks (divided by α where a method multiplies`,
    'their updates by it) with the first seed, one beyond where the best lay at an end; the best with the other seeds.',
    'Loss is that of the held-out text after the last step, nats per token, mean and sample deviation over seeds; bytes are the ledger’s.',
  ].join('\n');
}

function difference({ losses }: StudyResult, base: StudyResult): string {
  const pairs = [...losses].flatMap(([seed, loss]) => {
    const other = base.losses.get(seed);
    return other === undefined ? [] : [loss - other];
  });
  return pairs.length === 0 ? '' : withDeviation(pairs, true);
}

function withDeviation(values: readonly number[], isSigned = false): string {
  const { mean, deviation } = spread(values);
  const sign = isSigned && mean >= 0 ? '+' : '';
  return `${sign}${mean.toFixed(3)}${deviation === undefined ? '' : ` ± ${deviation.toFixed(3)}`}`;
}

function meanLoss({ losses }: StudyResult): number {
  return spread([...losses.values()]).mean;
}

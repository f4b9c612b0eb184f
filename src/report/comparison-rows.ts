import { formatBytes, formatChange, formatCount, formatDuration, formatFlops, formatLoss, signed } from './format.js';
import { roleStyles, rolesInUse } from './palette.js';
import { isFiniteNumber } from './series.js';
import type { RunSummary } from './summary.js';

/** One figure of one run, as text. */
export interface ComparisonCell {
  readonly text: string;
  /** Relative to the first run; absent in its own column, and where there is nothing to compare. */
  readonly change?: string;
}

/** One line of the comparison: a label and a cell per run. */
export interface ComparisonRow {
  readonly label: string;
  /** Part of the row above it that is not indented. */
  readonly part: boolean;
  readonly cells: readonly ComparisonCell[];
}

/** The comparison as rows, the same for the terminal and the page. The first run is the one compared with. */
export function comparisonRows(runs: readonly RunSummary[]): readonly ComparisonRow[] {
  const rows: ComparisonRow[] = [
    lossRow('validation loss', runs, ({ valLoss }) => valLoss),
    lossRow('final training loss', runs, ({ loss }) => loss),
    ratioRow('tokens per second', runs, ({ tokensPerSecond }) => tokensPerSecond, formatCount),
    ratioRow('time', runs, ({ seconds }) => seconds, formatDuration),
    ratioRow('predicted peak', runs, ({ memory }) => memory.predicted.peak, formatBytes),
    ratioRow('measured peak', runs, ({ memory }) => memory.measured.peak, formatBytes),
    ...roleRows(runs),
    ratioRow('saved activations, peak', runs, ({ memory }) => memory.savedPeak, formatBytes),
    ratioRow('resident (RSS), peak', runs, ({ memory }) => memory.rss.peak, formatBytes),
    ratioRow('growth in the run', runs, residentGrowth, formatBytes, true),
    ratioRow('arithmetic per step', runs, ({ flopsPerStep }) => flopsPerStep, formatFlops),
  ];
  return rows.filter(({ cells }) => cells.some(({ text }) => text !== '–'));
}

/** Bytes of resident memory that came with the run. */
export function residentGrowth({ memory: { rss } }: RunSummary): number | undefined {
  return rss.base === undefined ? undefined : Math.max(0, rss.peak - rss.base);
}

function roleRows(runs: readonly RunSummary[]): readonly ComparisonRow[] {
  const used = rolesInUse(runs.flatMap(({ memory }) => [memory.measured.byRole, memory.predicted.byRole]));
  return used.map((role) => {
    const row = ratioRow(
      roleStyles[role].label,
      runs,
      ({ memory }) => memory.measured.byRole[role] ?? 0,
      formatBytes,
      true,
    );
    const cells = row.cells.map((cell, index) => {
      const predicted = formatBytes(runs[index].memory.predicted.byRole[role] ?? 0);
      return predicted === cell.text ? cell : { ...cell, text: `${cell.text} (predicted ${predicted})` };
    });
    return { ...row, cells };
  });
}

function lossRow(
  label: string,
  runs: readonly RunSummary[],
  lossOf: (run: RunSummary) => number | null | undefined,
): ComparisonRow {
  const reference = lossOf(runs[0]);
  const cells = runs.map((run, index): ComparisonCell => {
    const loss = lossOf(run);
    const text = formatLoss(loss);
    if (index === 0 || !isFiniteNumber(loss) || !isFiniteNumber(reference)) return { text };
    return { text, change: signed(loss - reference, 3) };
  });
  return { label, part: false, cells };
}

function ratioRow(
  label: string,
  runs: readonly RunSummary[],
  figureOf: (run: RunSummary) => number | undefined,
  format: (value: number) => string,
  part = false,
): ComparisonRow {
  const reference = figureOf(runs[0]);
  const cells = runs.map((run, index): ComparisonCell => {
    const value = figureOf(run);
    if (value === undefined) return { text: '–' };
    if (index === 0 || !reference) return { text: format(value) };
    return { text: format(value), change: formatChange(value / reference) };
  });
  return { label, part, cells };
}

import Table from 'cli-table3';
import pico from 'picocolors';
import { comparisonRows } from './comparison-rows.js';
import type { CompareSummary } from './summary.js';

export interface TableOptions {
  /** Escape sequences for a terminal that shows them; default false. */
  readonly colors?: boolean;
}

/** The comparison for a terminal: the rows of the page's table, one column per run. */
export function formatComparisonTable({ runs }: CompareSummary, options: TableOptions = {}): string {
  const { bold, dim } = pico.createColors(options.colors ?? false);
  const table = new Table({
    head: ['', ...runs.map(({ name }) => bold(plain(name)))],
    colAligns: ['left', ...runs.map(() => 'right' as const)],
    style: { head: [], border: [], compact: true },
  });
  for (const { label, part, cells } of comparisonRows(runs)) {
    const texts = cells.map(({ text, change }) => (change === undefined ? text : `${text} ${dim(change.padStart(6))}`));
    table.push([part ? dim(`  ${label}`) : label, ...texts]);
  }
  return table.toString();
}

/** A name must not move the cursor: control characters become spaces. */
function plain(name: string): string {
  return name.replace(/\p{Cc}+/gu, ' ');
}

import Table from 'cli-table3';
import { InputError } from '../../engine/index.js';
import { type PaperRow, table2Rows, table3Rows, table4Rows } from '../../plan/paper/index.js';
import type { PaperValues } from '../command-options.js';
import type { Output } from '../output.js';

/** With the unit and the decimals of its figures. */
const tables = {
  table2: { rowsOf: table2Rows, unit: 'GiB', decimals: 2 },
  table3: { rowsOf: table3Rows, unit: 'GiB', decimals: 2 },
  table4: { rowsOf: table4Rows, unit: 'MiB', decimals: 0 },
} as const;

/** `compact paper`. */
export async function paper(_: PaperValues, output: Output, [name = '']: readonly string[]): Promise<undefined> {
  if (!Object.hasOwn(tables, name)) {
    throw new InputError(`the paper has no "${name}" here`, `choose one of ${Object.keys(tables).join(', ')}`);
  }
  const { rowsOf, unit, decimals } = tables[name as keyof typeof tables];
  const rows = await rowsOf();
  output.say(
    `CompAct (arXiv 2410.15352), memory in ${unit}: published, and derived by dry runs of the same arrangement`,
  );
  output.say(paperTable(rows, decimals));
  output.result({ rows });
  return undefined;
}

function paperTable(rows: readonly PaperRow[], decimals: number): string {
  const byComponent = rows.some(({ component }) => component !== undefined);
  const head = ['model', 'method', ...(byComponent ? ['component'] : []), 'published', 'derived', '', ''];
  const table = new Table({
    head,
    colAligns: head.map((_, index) => (index < (byComponent ? 3 : 2) || index === head.length - 1 ? 'left' : 'right')),
    style: { head: [], border: [], compact: true },
  });
  for (const { model, method, component, published, derived, countedAsPaper, note, time } of rows) {
    const counted = countedAsPaper === undefined ? '' : `: ${countedAsPaper.toFixed(decimals)}`;
    table.push([
      model,
      method,
      ...(byComponent ? [component ?? ''] : []),
      published === null ? '–' : published.toFixed(decimals),
      derived.toFixed(decimals),
      published === null ? '' : difference(derived / published),
      time === undefined ? `${note ?? ''}${counted}` : `${time.toFixed(2)} × full rank's time`,
    ]);
  }
  return table.toString();
}

/** `−0.3 %`. */
function difference(ratio: number): string {
  const percent = (ratio - 1) * 100;
  return `${percent < 0 ? '−' : '+'}${Math.abs(percent).toFixed(1)} %`;
}

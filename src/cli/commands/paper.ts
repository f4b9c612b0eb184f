import Table from 'cli-table3';
import { InputError } from '../../engine/index.js';
import { type PaperRow, table2Rows, table3Rows } from '../../plan/paper/index.js';
import type { PaperValues } from '../command-options.js';
import type { Output } from '../output.js';

const tables = { table2: table2Rows, table3: table3Rows } as const;

/** `compact paper`. */
export async function paper(_: PaperValues, output: Output, [name = '']: readonly string[]): Promise<undefined> {
  if (!Object.hasOwn(tables, name)) {
    throw new InputError(`the paper has no "${name}" here`, `choose one of ${Object.keys(tables).join(', ')}`);
  }
  const rows = await tables[name as keyof typeof tables]();
  output.say('CompAct (arXiv 2410.15352), memory in GiB: published, and derived by dry runs of the same arrangement');
  output.say(paperTable(rows));
  output.result({ rows });
  return undefined;
}

function paperTable(rows: readonly PaperRow[]): string {
  const byComponent = rows.some(({ component }) => component !== undefined);
  const head = ['model', 'method', ...(byComponent ? ['component'] : []), 'published', 'derived', '', ''];
  const table = new Table({
    head,
    colAligns: head.map((_, index) => (index < (byComponent ? 3 : 2) || index === head.length - 1 ? 'left' : 'right')),
    style: { head: [], border: [], compact: true },
  });
  for (const { model, method, component, published, derived, countedAsPaper, note, time } of rows) {
    const counted = countedAsPaper === undefined ? '' : `: ${countedAsPaper.toFixed(2)}`;
    table.push([
      model,
      method,
      ...(byComponent ? [component ?? ''] : []),
      published === null ? '–' : published.toFixed(2),
      derived.toFixed(2),
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

import { InputError } from '../../engine/errors.js';
import { formatOf, jsonRows, readWholeFile, separatedRows, type TableFormat, type TableRow } from './table.js';

/** One text or pair as it stands in a file. */
export interface TextRow {
  readonly text: string;
  readonly pair?: string;
  /** As written; undefined where none was asked for. */
  readonly label?: string;
  /** `file:line`. */
  readonly where: string;
}

/** Names of the columns that hold what a task needs. */
export interface ColumnNames {
  readonly text: string;
  readonly pair?: string | undefined;
  /** Left out when predicting. */
  readonly label?: string | undefined;
}

/**
 * Rows of a JSONL, CSV or TSV file with named columns; `lines` is one text per line.
 *
 * @param path `-`: `content` is what standard input gave
 * @throws InputError for a missing column, an empty text, or a file that is not what its name says
 */
export async function readTextRows(
  path: string,
  columns: ColumnNames,
  options: { readonly format?: TableFormat | undefined; readonly content?: string } = {},
): Promise<readonly TextRow[]> {
  const text = options.content ?? (await readWholeFile(path));
  const format = options.format ?? formatOf(path) ?? (text.trimStart().startsWith('{') ? 'jsonl' : 'lines');
  const rows = rowsOf(text, path, format, columns);
  if (rows.length === 0) throw new InputError(`${path}: holds no row`);
  return rows;
}

function rowsOf(text: string, path: string, format: TableFormat, columns: ColumnNames): readonly TextRow[] {
  switch (format) {
    case 'jsonl':
      return jsonRows(text, path).map(({ fields, where }) => {
        const at = (name: string) => {
          const value = fields[name];
          if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return `${value}`;
          throw missingColumn(where, name, Object.keys(fields));
        };
        return textRow(at, columns, where);
      });
    case 'lines':
      if (columns.label !== undefined || columns.pair !== undefined) {
        throw new InputError(
          `${path}: a file of lines has no named columns`,
          'give a .jsonl, .csv or .tsv file, or say what it is with --format',
        );
      }
      return text
        .split(/\r?\n/)
        .flatMap((line, index) =>
          line.trim() === '' ? [] : [textRow(() => line, { text: 'text' }, `${path}:${index + 1}`)],
        );
    case 'csv':
    case 'tsv': {
      const delimiter = format === 'csv' ? ',' : '\t';
      const [head, ...rows] = separatedRows(text, path, { delimiter, quoting: true });
      return head === undefined ? [] : namedColumns(head, rows, columns);
    }
    default:
      return format satisfies never;
  }
}

function namedColumns(head: TableRow, rows: readonly TableRow[], columns: ColumnNames): readonly TextRow[] {
  const places = new Map(head.cells.map((name, place) => [name.trim(), place]));
  for (const name of [columns.text, columns.pair, columns.label]) {
    if (name !== undefined && !places.has(name)) throw missingColumn(head.where, name, [...places.keys()]);
  }
  return rows.map((row) => {
    const at = (name: string) => {
      const value = row.cells[places.get(name) ?? -1];
      if (value === undefined) throw new InputError(`${row.where}: has no value for "${name}"`, 'the row is too short');
      return value;
    };
    return textRow(at, columns, row.where);
  });
}

function missingColumn(where: string, name: string, there: readonly string[]): InputError {
  return new InputError(
    `${where}: no column "${name}"`,
    `there are ${there.join(', ') || 'none'}; name them with --text-column, --pair-column and --label-column`,
  );
}

/** @throws InputError if a text is empty */
export function textRow(at: (name: string) => string, columns: ColumnNames, where: string): TextRow {
  const row = {
    text: at(columns.text),
    ...(columns.pair !== undefined && { pair: at(columns.pair) }),
    ...(columns.label !== undefined && { label: at(columns.label).trim() }),
    where,
  };
  for (const text of [row.text, row.pair]) {
    if (text?.trim() === '') throw new InputError(`${where}: the text is empty`, 'leave the row out');
  }
  return row;
}

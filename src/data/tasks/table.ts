import { CsvError } from 'csv-parse';
import { parse } from 'csv-parse/sync';
import { InputError } from '../../engine/errors.js';
import { describeFile } from '../corpus-files.js';
import { readText } from '../file-text.js';

export type TableFormat = 'csv' | 'tsv' | 'jsonl' | 'lines';

/** A row and the place it came from. */
export interface TableRow {
  readonly cells: readonly string[];
  /** `file:line`. */
  readonly where: string;
}

/** Format by a file's name; undefined if it tells nothing. */
export function formatOf(path: string): TableFormat | undefined {
  const ending = /\.(csv|tsv|jsonl|txt)(\.gz|\.br)?$/.exec(path)?.[1];
  return ending === 'txt' ? 'lines' : (ending as TableFormat | undefined);
}

/** @throws InputError if the file is missing, cannot be decompressed, or is not UTF-8 */
export async function readWholeFile(path: string): Promise<string> {
  const file = await describeFile(path).catch(() => {
    throw new InputError(`${path}: no such file`);
  });
  const parts: string[] = [];
  for await (const part of readText(file)) parts.push(part);
  return parts.join('').replace(/^\uFEFF/, '');
}

/**
 * Rows of separated values. Lines may end in LF or CR LF; empty lines are skipped; rows may have different lengths.
 *
 * @param quoting whether `"` encloses values, as in CSV; without it a quote is an ordinary character
 * @throws InputError where quotes do not close
 */
export function separatedRows(
  text: string,
  where: string,
  options: { readonly delimiter: ',' | '\t'; readonly quoting: boolean },
): readonly TableRow[] {
  try {
    const records: unknown = parse(text, {
      delimiter: options.delimiter,
      quote: options.quoting ? '"' : null,
      escape: options.quoting ? '"' : null,
      record_delimiter: ['\r\n', '\n'],
      relax_column_count: true,
      // Quotes inside a value that does not begin with one are that value's own.
      relax_quotes: true,
      skip_empty_lines: true,
      info: true,
    });
    return (records as { readonly record: string[]; readonly info: { readonly lines: number } }[]).map(
      ({ record, info }) => ({ cells: record, where: `${where}:${info.lines}` }),
    );
  } catch (error) {
    if (error instanceof CsvError) {
      throw new InputError(`${where}: ${error.message}`, 'values are enclosed in "…", a quote within is doubled');
    }
    throw error;
  }
}

/** The values of one line of JSON by their names. */
export interface JsonRow {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly where: string;
}

/** @throws InputError if a line is no JSON object */
export function jsonRows(text: string, where: string): readonly JsonRow[] {
  return text.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return [];
    const place = `${where}:${index + 1}`;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      throw new InputError(`${place}: not a JSON object`, 'each line of a .jsonl file is one JSON object');
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new InputError(`${place}: not a JSON object`, 'each line of a .jsonl file is one JSON object');
    }
    return [{ fields: { ...value }, where: place }];
  });
}

import { parse } from 'csv-parse/sync';

/** A line of comma-separated values with its end; what has commas, quotes or line ends is quoted (RFC 4180). */
export function csvLine(cells: readonly (string | number | undefined)[]): string {
  const quoted = cells.map((cell = '') => {
    const text = String(cell);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  });
  return `${quoted.join(',')}\n`;
}

/**
 * The cells of each line that `csvLine` wrote.
 *
 * @throws CsvError where a quote is not closed
 */
export function readCsv(text: string): readonly (readonly string[])[] {
  return parse(text, { relax_column_count: true, skip_empty_lines: true });
}

import { existsSync } from 'node:fs';
import { appendFile, readFile } from 'node:fs/promises';
import { InputError } from '../../engine/index.js';
import { replaceFileWith } from '../../models/index.js';
import { FileLock } from '../../train/file-lock.js';
import { csvLine, readCsv } from './csv.js';

/** What one training of a pre-training study gave. */
export interface PretrainRow {
  readonly method: string;
  /** Peak learning rate. */
  readonly lr: number;
  readonly seed: number;
  readonly steps: number;
  readonly tokens: number;
  /** On held-out text after the last step, nats per token; undefined where training diverged. */
  readonly loss: number | undefined;
  /** Ledger, bytes. */
  readonly peak: number;
  readonly savedPeak: number;
  /** Median. */
  readonly secondsPerStep: number;
  /** The method whose training this one repeated bit for bit as far as it was followed; empty where it was trained itself. */
  readonly sameAs: string;
}

const columns = [
  ...(['method', 'lr', 'seed', 'steps', 'tokens', 'loss'] as const),
  ...(['peak', 'savedPeak', 'secondsPerStep', 'sameAs'] as const),
];

/**
 * The table of a study on disk: a line is added as a training ends, so that nothing is lost when it is stopped. Several
 * processes may add to it.
 */
export class PretrainRows {
  readonly #path: string;
  #rows: readonly PretrainRow[] = [];

  private constructor(path: string) {
    this.#path = path;
  }

  /**
   * With the rows that are there already.
   *
   * @throws InputError where the file is no such table
   */
  static async open(path: string): Promise<PretrainRows> {
    const table = new PretrainRows(path);
    await using _ = await table.#lock();
    if (!existsSync(path)) await replaceFileWith(path, csvLine(columns));
    await table.#mend();
    await table.reload();
    return table;
  }

  get rows(): readonly PretrainRow[] {
    return this.#rows;
  }

  /** Reads what others have added. */
  async reload(): Promise<void> {
    const path = this.#path;
    const text = await readFile(path, 'utf8');
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    if (!whole.startsWith(csvLine(columns))) {
      throw new InputError(`${path}: not the table of a pre-training study`, 'name another directory with --out');
    }
    this.#rows = linesOf(whole, path).map((cells, index) => readRow(cells, `${path}, line ${index + 2}`));
  }

  async add(row: PretrainRow): Promise<void> {
    await using _ = await this.#lock();
    await this.#mend();
    await appendFile(this.#path, csvLine(columns.map((column) => row[column])));
    await this.reload();
  }

  /** A line that a kill cut short is dropped, and its training done again. */
  async #mend(): Promise<void> {
    const text = await readFile(this.#path, 'utf8');
    const end = text.lastIndexOf('\n') + 1;
    if (end < text.length && text.startsWith(csvLine(columns))) await replaceFileWith(this.#path, text.slice(0, end));
  }

  #lock(): Promise<AsyncDisposable> {
    return FileLock.wait(`${this.#path}.lock`);
  }

  of(method: string): readonly PretrainRow[] {
    return this.#rows.filter((row) => row.method === method);
  }
}

/** All lines but the header. */
function linesOf(text: string, path: string): readonly (readonly string[])[] {
  try {
    return readCsv(text).slice(1);
  } catch (error) {
    throw new InputError(
      `${path}: ${error instanceof Error ? error.message : error}`,
      'name another directory with --out',
    );
  }
}

function readRow(cells: readonly string[], where: string): PretrainRow {
  const [method, lr, seed, steps, tokens, loss, peak, savedPeak, secondsPerStep, sameAs] = cells;
  const numbers = [lr, seed, steps, tokens, peak, savedPeak, secondsPerStep].map(Number);
  if (cells.length !== columns.length || [...numbers, Number(loss)].some((value) => !Number.isFinite(value))) {
    throw new InputError(`${where}: not a row of a pre-training study`, 'remove that line; it is trained again');
  }
  return {
    ...{ method, lr: Number(lr), seed: Number(seed), steps: Number(steps), tokens: Number(tokens) },
    loss: loss === '' ? undefined : Number(loss),
    ...{ peak: Number(peak), savedPeak: Number(savedPeak), secondsPerStep: Number(secondsPerStep), sameAs },
  };
}

import type { GlobalValues } from './options.js';

/** Where a command's words go: results to standard output, everything else to standard error. */
export class Output {
  readonly json: boolean;
  readonly quiet: boolean;

  readonly #silent: boolean;

  /** With `silent` not even results are shown: for a command within another one. */
  constructor({ json, quiet, silent = false }: Pick<GlobalValues, 'json' | 'quiet'> & { readonly silent?: boolean }) {
    this.json = json;
    this.quiet = quiet;
    this.#silent = silent;
  }

  /** Whether results go to a terminal that shows colours. */
  get colors(): boolean {
    return !this.json && process.stdout.isTTY === true && !process.env.NO_COLOR;
  }

  /** A line for people; silent under --json. */
  say(line = ''): void {
    if (!this.json && !this.#silent) process.stdout.write(`${line}\n`);
  }

  /** Part of a line for people, for streamed text. */
  stream(part: string): void {
    if (!this.json) process.stdout.write(part);
  }

  /** A line about what is going on. */
  note(line: string): void {
    if (!this.quiet) process.stderr.write(`${line}\n`);
  }

  /** The command's result as JSON, under --json only. */
  result(value: unknown): void {
    if (this.json) process.stdout.write(`${JSON.stringify(value)}\n`);
  }
}

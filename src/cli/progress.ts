import { createLogUpdate } from 'log-update';
import type { Output } from './output.js';

/** Without a terminal, a line at most every so often. */
const plainIntervalMs = 10_000;
/** On a terminal, redrawn at most every so often. */
const liveIntervalMs = 100;

/** What is going on, on standard error: a line that is rewritten on a terminal, a new line now and then elsewhere. */
export class Progress implements Disposable {
  readonly #output: Output;
  readonly #live: (((text: string) => void) & { clear(): void; done(): void }) | undefined;
  readonly #started = performance.now();
  #shown: number | undefined;

  constructor(output: Output) {
    this.#output = output;
    this.#live = isTerminal(process.stderr) && !output.quiet ? createLogUpdate(process.stderr) : undefined;
  }

  /** Whether lines are rewritten. */
  get live(): boolean {
    return this.#live !== undefined;
  }

  /** Shows the text if it is time for it; pass a function where the text is costly. */
  show(text: string | (() => string)): void {
    if (this.#output.quiet) return;
    const now = performance.now();
    const since = now - (this.#shown ?? (this.#live ? 0 : this.#started));
    if (since < (this.#live ? liveIntervalMs : plainIntervalMs)) return;
    this.#shown = now;
    this.#write(text);
  }

  /** Shows the last text of this progress, whatever was shown before. */
  finish(text: string | (() => string)): void {
    if (this.#output.quiet) return;
    this.#write(text);
    this.#live?.done();
  }

  [Symbol.dispose](): void {
    this.#live?.clear();
  }

  #write(text: string | (() => string)): void {
    const line = typeof text === 'string' ? text : text();
    if (this.#live) this.#live(line);
    else this.#output.note(line);
  }
}

/** Whether lines can be rewritten there: a terminal that knows its size. */
function isTerminal({ isTTY, columns }: NodeJS.WriteStream): boolean {
  return isTTY === true && columns > 0;
}

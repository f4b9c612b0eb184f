import { CommanderError } from 'commander';
import { CompactError } from '../engine/errors.js';

/** An error as the user sees it. */
export interface ReportedError {
  readonly message: string;
  readonly hint: string | undefined;
  readonly exitCode: number;
}

/** One line that says what is wrong, a hint that says what to do, and the exit code of the command line's contract. */
export function describeError(error: unknown): ReportedError {
  if (error instanceof CommanderError) return describeUsage(error);
  if (error instanceof CompactError) {
    return { message: oneLine(error.message), hint: error.hint && oneLine(error.hint), exitCode: error.exitCode };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { message: oneLine(message), hint: 'run again with --debug to see where', exitCode: 1 };
}

/** Whether the reader of a pipe went away, which is no error of ours. */
export function isBrokenPipe(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EPIPE';
}

const usageHint = 'compact --help lists the commands, compact COMMAND --help the options of one';

function describeUsage(error: CommanderError): ReportedError {
  // A group of commands without one of them: the parser wants to print its help instead.
  if (error.code === 'commander.help') return { message: 'a command is missing', hint: usageHint, exitCode: 2 };
  const [first, ...rest] = error.message.replace(/^error: /, '').split('\n');
  const suggestion = rest.join(' ').replace(/[()]/g, '').trim();
  return { message: first, hint: suggestion || usageHint, exitCode: 2 };
}

function oneLine(message: string): string {
  return message.replace(/\s*\n\s*/g, ' ').trim();
}

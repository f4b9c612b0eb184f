import type { Output } from './output.js';

/** Exit code after an interrupt. */
export const interrupted = 130;

/**
 * Runs work that can be stopped by Ctrl-C or a termination signal: the first asks it to stop in good order, a second one
 * ends the process at once.
 */
export async function withInterrupt<T>(output: Output, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const onSignal = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) process.exit(interrupted);
    output.note(`${name}: stopping after the step at hand; once more stops at once`);
    controller.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  try {
    return await work(controller.signal);
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
}

import type { Engine, OpCall } from '../../engine/index.js';

/** An op that ran, and the seconds since the one before it ended: its kernel's and those of the JavaScript that led to it. */
export interface TimedCall extends OpCall {
  readonly seconds: number;
}

/** Runs `body` and times the ops that it runs, in their order. */
export async function timeCalls<T>(
  engine: Engine,
  body: () => Promise<T>,
): Promise<{ readonly result: T; readonly calls: readonly TimedCall[] }> {
  const calls: TimedCall[] = [];
  let before = performance.now();
  engine.observe((call) => {
    calls.push({ ...call, seconds: (performance.now() - before) / 1000 });
    before = performance.now();
  });
  try {
    return { result: await body(), calls };
  } finally {
    engine.observe(undefined);
  }
}

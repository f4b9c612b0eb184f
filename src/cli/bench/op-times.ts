import type { Engine, OpName } from '../../engine/index.js';
import { type TimedCall, timeCalls } from '../../plan/index.js';
import { medianAndSpread } from '../median.js';

/** What all calls of one op take in a step. */
export interface OpTime {
  readonly op: OpName;
  readonly calls: number;
  /** Median over the steps; with the JavaScript that led to the calls. */
  readonly seconds: number;
  /** Of all ops' seconds. */
  readonly share: number;
  /** Of matrix products. */
  readonly flops: number;
  /** Of tensors read and written. */
  readonly bytes: number;
}

type Sums = { -readonly [K in keyof Omit<OpTime, 'op' | 'share'>]: OpTime[K] };

/** Watches an engine's steps and says which ops take their time. */
export class OpTimes {
  readonly #engine: Engine;
  readonly #steps: ReadonlyMap<OpName, Sums>[] = [];

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Runs one step and adds its ops. */
  async watch<T>(step: () => Promise<T>): Promise<T> {
    const { result, calls } = await timeCalls(this.#engine, step);
    this.#steps.push(sumByOp(calls));
    return result;
  }

  /** The longest first; counts are the last step's. */
  summarize(): readonly OpTime[] {
    const last = [...(this.#steps.at(-1) ?? [])];
    const medians = last.map(([op, { calls, flops, bytes }]) => {
      const readings = this.#steps.map((step) => step.get(op)?.seconds ?? 0);
      return { op, calls, flops, bytes, seconds: medianAndSpread(readings).median };
    });
    const total = medians.reduce((sum, { seconds }) => sum + seconds, 0);
    return medians.map((entry) => ({ ...entry, share: entry.seconds / total })).sort((a, b) => b.seconds - a.seconds);
  }
}

function sumByOp(calls: readonly TimedCall[]): ReadonlyMap<OpName, Sums> {
  const sums = new Map<OpName, Sums>();
  for (const { op, seconds, flops, bytes } of calls) {
    const sum = sums.get(op) ?? { calls: 0, seconds: 0, flops: 0, bytes: 0 };
    sums.set(op, sum);
    sum.calls += 1;
    sum.seconds += seconds;
    sum.flops += flops;
    sum.bytes += bytes;
  }
  return sums;
}

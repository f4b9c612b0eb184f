import Table from 'cli-table3';
import { type Engine, InputError, openEngine } from '../../engine/index.js';
import { BandwidthMeter, streamedBytes } from '../../engine/native/bandwidth.js';
import { measurePeak } from '../../engine/native/peak.js';
import { type OpBench, opBenches } from '../bench/op-benches.js';
import { Operands } from '../bench/operands.js';
import type { BenchOpsValues } from '../command-options.js';
import { instructionSet } from '../machine.js';
import { medianAndSpread } from '../median.js';
import type { Output } from '../output.js';
import { Progress } from '../progress.js';
import { threadsOf } from '../threads.js';

/** A point of the roofline. */
interface Row {
  readonly op: string;
  readonly shape: string;
  readonly dtype: OpBench['dtype'];
  readonly threads: number;
  readonly bound: OpBench['bound']['kind'];
  /** Median: 1e9 bytes, or 1e9 operations, per second. */
  readonly rate: number;
  /** Median fraction of what the machine gave just after: to a stream with the same reads and writes, or to multiply-adds. */
  readonly ofPeak: number;
  /** Of `ofPeak`. */
  readonly spread: number;
  /** Of attention: nanoseconds per pair of query and key; null for other ops. */
  readonly nanosecondsPerPair: number | null;
}

/** Room for the streams of the widest mix. */
const meterBytes = 512 * 2 ** 20;

/** `compact bench ops`. */
export async function benchOps(values: BenchOpsValues, output: Output): Promise<undefined> {
  if (values.engine !== 'native') throw new InputError('bench ops measures the native engine', 'leave out --engine');
  using progress = new Progress(output);
  const isa = instructionSet(values.engine);
  const benches = chooseBenches(values);
  const rows: Row[] = [];
  for (const threads of new Set([1, threadsOf(values)])) {
    using engine = await openEngine(values.engine, { threads });
    using meter = new BandwidthMeter(threads, meterBytes, isa);
    const arithmetic = () => measurePeak({ isa, threads }).f32;
    for (const bench of benches) {
      progress.show(`${threads} threads, ${bench.op} ${bench.shape} ${bench.dtype}`);
      const peak = () => peakOf(bench, meter, arithmetic);
      rows.push({ threads, ...(await measure(engine, bench, values.repeats, peak)) });
    }
  }
  tell(rows, output);
  output.result({ instructionSet: isa ?? null, rows });
  return undefined;
}

function chooseBenches({ ops, dtype }: BenchOpsValues): readonly OpBench[] {
  const all = (dtype ? [dtype] : (['f32', 'bf16'] as const)).flatMap(opBenches);
  const known = new Set(all.map(({ op }) => op));
  const unknown = ops?.find((op) => !known.has(op));
  if (unknown) throw new InputError(`--ops: no bench of "${unknown}"`, `there are ${[...known].join(', ')}`);
  return all.filter(({ op }) => ops?.includes(op) ?? true);
}

/** 1e9 bytes or operations per second that the machine gives now. */
function peakOf({ bound }: OpBench, meter: BandwidthMeter, arithmetic: () => number): number {
  if (bound.kind === 'arithmetic') return arithmetic();
  return streamedBytes(bound.streams) / meter.seconds(bound.streams) / 1e9;
}

/** Readings of the op, each beside one of the machine. */
async function measure(engine: Engine, bench: OpBench, repeats: number, peak: () => number) {
  using operands = new Operands(engine);
  const run = bench.prepare(operands);
  const { op, shape, dtype, bound } = bench;
  const work = bound.kind === 'memory' ? streamedBytes(bound.streams) : bound.flops;
  run();
  peak();
  const readings: { readonly seconds: number; readonly ofPeak: number }[] = [];
  for (let repeat = 0; repeat < repeats; repeat++) {
    const started = performance.now();
    run();
    const seconds = (performance.now() - started) / 1000;
    readings.push({ seconds, ofPeak: work / seconds / 1e9 / peak() });
    // Between readings timers and signals have their turn.
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { median: seconds } = medianAndSpread(readings.map((reading) => reading.seconds));
  const ofPeak = medianAndSpread(readings.map((reading) => reading.ofPeak));
  return {
    ...{ op, shape, dtype, bound: bound.kind, rate: work / seconds / 1e9 },
    ...{ ofPeak: ofPeak.median, spread: ofPeak.spread },
    nanosecondsPerPair: bound.kind === 'arithmetic' && bound.pairs ? (seconds * 1e9) / bound.pairs : null,
  };
}

function tell(rows: readonly Row[], output: Output): void {
  const table = new Table({
    head: ['op', '', 'type', 'threads', 'rate', 'of peak', 'spread', 'per pair'],
    colAligns: ['left', 'left', 'left', 'right', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  });
  const percent = (fraction: number) => `${(100 * fraction).toFixed(0)} %`;
  for (const row of rows) {
    const rate = `${row.rate.toFixed(1)} ${row.bound === 'memory' ? 'GB/s' : 'GFLOP/s'}`;
    const pair = row.nanosecondsPerPair === null ? '' : `${row.nanosecondsPerPair.toFixed(2)} ns`;
    table.push([row.op, row.shape, row.dtype, row.threads, rate, percent(row.ofPeak), percent(row.spread), pair]);
  }
  output.say('"of peak": of a stream with the same reads and writes, or of f32 multiply-adds, on as many threads');
  output.say(table.toString());
}

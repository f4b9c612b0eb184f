import Table from 'cli-table3';
import { type Engine, InputError, openEngine } from '../../engine/index.js';
import { measurePeak } from '../../engine/native/peak.js';
import type { BenchGemmValues } from '../command-options.js';
import { instructionSet } from '../machine.js';
import { medianAndSpread } from '../median.js';
import type { Output } from '../output.js';
import { Progress } from '../progress.js';
import { threadsOf } from '../threads.js';

type Transposition = 'NN' | 'NT' | 'TN';

/** A product that training LLaMA-60M to 350M runs: rows, columns, inner length. */
interface Shape {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly trans: Transposition;
}

const shapes: readonly Shape[] = [
  { m: 512, n: 512, k: 1376, trans: 'NN' },
  { m: 2048, n: 512, k: 512, trans: 'NT' },
  { m: 4096, n: 1024, k: 1024, trans: 'NT' },
  { m: 256, n: 2048, k: 2048, trans: 'NT' },
  // LLaMA-60M, 1024 tokens: MLP forward, its weight gradient and input gradient, head, sketch.
  { m: 1024, n: 1376, k: 512, trans: 'NT' },
  { m: 1376, n: 512, k: 1024, trans: 'TN' },
  { m: 1024, n: 512, k: 1376, trans: 'NN' },
  { m: 1024, n: 32000, k: 512, trans: 'NT' },
  { m: 1024, n: 128, k: 512, trans: 'NN' },
  // LLaMA-130M and 350M, MLP forward and weight gradient.
  { m: 1024, n: 2048, k: 768, trans: 'NT' },
  { m: 2048, n: 768, k: 1024, trans: 'TN' },
  { m: 1024, n: 2736, k: 1024, trans: 'NT' },
  { m: 2736, n: 1024, k: 1024, trans: 'TN' },
];

interface Row {
  /** m×n×k. */
  readonly shape: string;
  readonly trans: Transposition;
  readonly dtype: 'f32';
  readonly threads: number;
  /** Median, 1e9 operations per second. */
  readonly gflops: number;
  /** Fraction of the measured peak of so many threads. */
  readonly ofPeak: number;
  readonly spread: number;
}

/** `compact bench gemm`. */
export async function benchGemm(values: BenchGemmValues, output: Output): Promise<undefined> {
  if (values.engine !== 'native') throw new InputError('bench gemm measures the native engine', 'leave out --engine');
  using progress = new Progress(output);
  const isa = instructionSet(values.engine);
  const before = measurePeak({ isa });
  const measured: Omit<Row, 'ofPeak'>[] = [];
  for (const threads of new Set([1, threadsOf(values)])) {
    using engine = await openEngine(values.engine, { threads });
    for (const shape of shapes) {
      progress.show(`${threads} threads, ${name(shape)} ${shape.trans}`);
      const { median, spread } = await measure(engine, shape, values.repeats);
      measured.push({ shape: name(shape), trans: shape.trans, dtype: 'f32', threads, gflops: median, spread });
    }
  }
  const after = measurePeak({ isa });
  // The clock moves: the better reading is nearer to what the processor could have done.
  const f32 = Math.max(before.f32, after.f32);
  const bf16 = before.bf16 === undefined ? null : Math.max(before.bf16, after.bf16 ?? 0);
  const rows = measured.map((row): Row => ({ ...row, ofPeak: row.gflops / (f32 * row.threads) }));
  tell(f32, rows, output);
  output.result({ instructionSet: before.isa, peak: { f32, bf16 }, rows });
  return undefined;
}

/** GFLOP/s of one product, each reading long enough for the clock. */
async function measure(engine: Engine, { m, n, k, trans }: Shape, repeats: number) {
  const a = engine.allocate({ shape: trans === 'TN' ? [k, m] : [m, k], role: 'workspace', name: 'a' });
  const b = engine.allocate({ shape: trans === 'NT' ? [n, k] : [k, n], role: 'workspace', name: 'b' });
  const out = engine.allocate({ shape: [m, n], role: 'workspace', name: 'out' });
  for (const x of [a, b]) engine.run('random', { out: x, family: 'gaussian', key: [1, 2], deviation: 1 });
  const gemm = () => engine.run('gemm', { a, b, out, transA: trans === 'TN', transB: trans === 'NT' });
  gemm();
  const calls = Math.max(1, Math.ceil(0.01 / timeOf(gemm)));
  const readings: number[] = [];
  for (let repeat = 0; repeat < repeats; repeat++) {
    const seconds = timeOf(() => {
      for (let call = 0; call < calls; call++) gemm();
    });
    readings.push((2 * m * n * k * calls) / seconds / 1e9);
    // Between readings timers and signals have their turn.
    await new Promise((resolve) => setImmediate(resolve));
  }
  for (const tensor of [a, b, out]) engine.release(tensor);
  return medianAndSpread(readings);
}

function timeOf(body: () => void): number {
  const started = performance.now();
  body();
  return (performance.now() - started) / 1000;
}

function name({ m, n, k }: Shape): string {
  return `${m}x${n}x${k}`;
}

function tell(peak: number, rows: readonly Row[], output: Output): void {
  output.say(`peak of one thread: ${peak.toFixed(0)} GFLOP/s`);
  const table = new Table({
    head: ['m×n×k', '', 'threads', 'GFLOP/s', 'of peak', 'spread'],
    colAligns: ['left', 'left', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  });
  for (const { shape, trans, threads, gflops, ofPeak, spread } of rows) {
    table.push([shape, trans, threads, gflops.toFixed(0), percent(ofPeak), percent(spread)]);
  }
  output.say(table.toString());
}

function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(0)} %`;
}

import Table from 'cli-table3';
import { type Engine, type FloatType, InputError, openEngine, type Tensor } from '../../engine/index.js';
import { measurePeak, type Peak } from '../../engine/native/peak.js';
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
  /** Of both operands and of the result; sums are f32. */
  readonly dtype: FloatType;
  readonly threads: number;
  /** Median, 1e9 operations per second. */
  readonly gflops: number;
  /** Median fraction of the peak that so many threads had together at the same moment. */
  readonly ofPeak: number;
  /** Of `ofPeak`. */
  readonly spread: number;
  /** How many times one thread's fraction of its peak: what the threads lose to each other, not to the machine. */
  readonly scaling: number;
}

/** `compact bench gemm`. */
export async function benchGemm(values: BenchGemmValues, output: Output): Promise<undefined> {
  if (values.engine !== 'native') throw new InputError('bench gemm measures the native engine', 'leave out --engine');
  using progress = new Progress(output);
  const isa = instructionSet(values.engine);
  const dtypes = values.dtype ? [values.dtype] : (['f32', 'bf16'] as const);
  const engines = new Map<number, Engine>();
  try {
    for (const threads of new Set([1, threadsOf(values)])) {
      engines.set(threads, await openEngine(values.engine, { threads }));
    }
    const rows: Row[] = [];
    // The clock moves: the best reading is nearest to what the processor can do.
    const peak = { f32: 0, bf16: null as number | null };
    for (const dtype of dtypes) {
      for (const shape of shapes) {
        progress.show(`${name(shape)} ${shape.trans} ${dtype}`);
        rows.push(...(await measure(engines, { shape, dtype }, values.repeats, isa)));
        const { f32, bf16 } = measurePeak({ isa });
        peak.f32 = Math.max(peak.f32, f32);
        if (bf16 !== undefined) peak.bf16 = Math.max(peak.bf16 ?? 0, bf16);
      }
    }
    tell(peak, rows, output);
    output.result({ instructionSet: isa ?? null, peak, rows });
  } finally {
    for (const engine of engines.values()) engine[Symbol.dispose]();
  }
  return undefined;
}

/** One product on each engine in turn, each time beside the peak of as many threads: what slows one slows the other too. */
async function measure(
  engines: ReadonlyMap<number, Engine>,
  { shape, dtype }: { readonly shape: Shape; readonly dtype: FloatType },
  repeats: number,
  isa: ReturnType<typeof instructionSet>,
): Promise<readonly Row[]> {
  const products = Array.from(engines, ([threads, engine]) => ({
    threads,
    product: new Product(engine, shape, dtype),
  }));
  const readings = products.map(() => [] as { rate: number; ofPeak: number }[]);
  for (let repeat = 0; repeat < repeats; repeat++) {
    for (const [index, { threads, product }] of products.entries()) {
      const rate = product.rate();
      readings[index].push({ rate, ofPeak: rate / peakOf(dtype, measurePeak({ isa, threads })) });
      // Between readings timers and signals have their turn.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  for (const { product } of products) product[Symbol.dispose]();
  const ofPeaks = readings.map((ofShape) => medianAndSpread(ofShape.map(({ ofPeak }) => ofPeak)));
  return products.map(({ threads }, index): Row => {
    const ofPeak = ofPeaks[index];
    return {
      shape: name(shape),
      trans: shape.trans,
      dtype,
      threads,
      gflops: medianAndSpread(readings[index].map(({ rate }) => rate)).median,
      ofPeak: ofPeak.median,
      spread: ofPeak.spread,
      scaling: (threads * ofPeak.median) / ofPeaks[0].median,
    };
  });
}

/** Of multiply-adds of that type; bf16 is multiplied in f32 where the processor has no instruction for it. */
function peakOf(dtype: FloatType, { f32, bf16 }: Peak): number {
  return dtype === 'bf16' ? (bf16 ?? f32) : f32;
}

/** Operands of one shape on one engine. */
class Product implements Disposable {
  readonly #engine: Engine;
  readonly #operands: readonly Tensor[];
  readonly #run: () => void;
  readonly #flops: number;
  readonly #calls: number;

  constructor(engine: Engine, { m, n, k, trans }: Shape, dtype: FloatType) {
    const a = engine.allocate({ shape: trans === 'TN' ? [k, m] : [m, k], dtype, role: 'workspace', name: 'a' });
    const b = engine.allocate({ shape: trans === 'NT' ? [n, k] : [k, n], dtype, role: 'workspace', name: 'b' });
    const out = engine.allocate({ shape: [m, n], dtype, role: 'workspace', name: 'out' });
    for (const x of [a, b]) engine.run('random', { out: x, family: 'gaussian', key: [1, 2], deviation: 1 });
    this.#engine = engine;
    this.#operands = [a, b, out];
    this.#run = () => engine.run('gemm', { a, b, out, transA: trans === 'TN', transB: trans === 'NT' });
    this.#flops = 2 * m * n * k;
    this.#run();
    // Each reading long enough for the clock.
    this.#calls = Math.max(1, Math.ceil(0.02 / timeOf(this.#run)));
  }

  /** GFLOP/s. */
  rate(): number {
    const seconds = timeOf(() => {
      for (let call = 0; call < this.#calls; call++) this.#run();
    });
    return (this.#flops * this.#calls) / seconds / 1e9;
  }

  [Symbol.dispose](): void {
    for (const tensor of this.#operands) this.#engine.release(tensor);
  }
}

function timeOf(body: () => void): number {
  const started = performance.now();
  body();
  return (performance.now() - started) / 1000;
}

function name({ m, n, k }: Shape): string {
  return `${m}x${n}x${k}`;
}

function tell(peak: { f32: number; bf16: number | null }, rows: readonly Row[], output: Output): void {
  const ofBf16 = peak.bf16 === null ? '' : `, ${peak.bf16.toFixed(0)} in bf16`;
  output.say(
    `peak of one thread: ${peak.f32.toFixed(0)} GFLOP/s in f32${ofBf16}; "of peak" is of what so many threads reach at the same moment`,
  );
  const table = new Table({
    head: ['m×n×k', '', 'type', 'threads', 'GFLOP/s', 'of peak', 'spread', 'scaling'],
    colAligns: ['left', 'left', 'left', 'right', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  });
  for (const { shape, trans, dtype, threads, gflops, ofPeak, spread, scaling } of rows) {
    const times = threads === 1 ? '' : `${scaling.toFixed(2)} ×`;
    table.push([shape, trans, dtype, threads, gflops.toFixed(0), percent(ofPeak), percent(spread), times]);
  }
  output.say(table.toString());
}

function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(0)} %`;
}

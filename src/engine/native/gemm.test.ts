import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from '../engine.js';
import type { Tensor } from '../tensor.js';
import { threefry } from '../threefry.js';
import { createNativeEngine } from './native-engine.js';
import { nativeStatus } from './status.js';

/** The product beyond the contract suite's small cases: shapes with several blocks in each direction, odd at every edge. */
const { supported } = nativeStatus();

interface Product {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transA: boolean;
  readonly transB: boolean;
  readonly base: 'none' | 'accumulate' | 'addend';
}

/** Numbers in [-0.5, 0.5) by hashing, which is quicker than Threefry. */
function values(length: number, stream: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => {
    const mixed = Math.imul(i + 1, 0x9e3779b1) ^ Math.imul(stream, 0x85ebca6b);
    return (Math.imul(mixed ^ (mixed >>> 15), 0xc2b2ae35) >>> 8) * 2 ** -24 - 0.5;
  });
}

function tensor(engine: Engine, shape: readonly number[], contents: Float32Array): Tensor {
  const made = engine.allocate({ shape, role: 'activation', name: 'operand' });
  engine.write(made, contents);
  return made;
}

const operandsOf = ({ m, n, k }: Product) => ({ a: values(m * k, 1), b: values(k * n, 2), base: values(m * n, 3) });

async function multiply(engine: Engine, product: Product): Promise<Float32Array<ArrayBuffer>> {
  const { m, n, k, transA, transB, base } = product;
  const operands = operandsOf(product);
  const a = tensor(engine, transA ? [k, m] : [m, k], operands.a);
  const b = tensor(engine, transB ? [n, k] : [k, n], operands.b);
  const out = tensor(engine, [m, n], operands.base);
  const addend = base === 'addend' ? tensor(engine, [m, n], operands.base) : undefined;
  const extra = addend ? { addend } : {};
  engine.run('gemm', { a, b, out, transA, transB, accumulate: base === 'accumulate', ...extra });
  const result = await engine.read(out);
  for (const operand of [a, b, out, addend]) if (operand) engine.release(operand);
  expect(engine.ledger.live).toBe(0);
  return Float32Array.from(result);
}

/** Largest error of some entries against float64 sums, in units of the scale that rounding in f32 has. */
function worstError(product: Product, result: Float32Array): number {
  const { m, n, k, transA, transB } = product;
  const { a, b, base } = operandsOf(product);
  let worst = 0;
  for (let probe = 0; probe < 400; probe++) {
    const [word0, word1] = threefry([11, 0], probe, 0);
    // The last row and column are where tiles end.
    const i = probe % 5 === 0 ? m - 1 : word0 % m;
    const j = probe % 7 === 0 ? n - 1 : word1 % n;
    let sum = product.base === 'none' ? 0 : base[i * n + j];
    for (let l = 0; l < k; l++) sum += a[transA ? l * m + i : i * k + l] * b[transB ? j * k + l : l * n + j];
    worst = Math.max(worst, Math.abs(sum - result[i * n + j]));
  }
  return worst / (Math.sqrt(k) * 1e-7);
}

const shapes: readonly (readonly [number, number, number])[] = [
  [1, 1, 1],
  [1, 515, 770],
  [5, 33, 17],
  [29, 65, 513],
  [301, 7, 1100],
  [280, 64, 768],
  [281, 31, 600],
  [300, 2051, 96],
  [563, 97, 1153],
];

const products: readonly Product[] = shapes.flatMap(([m, n, k], index) =>
  [0, 1, 2, 3].map((transposes) => ({
    m,
    n,
    k,
    transA: (transposes & 1) !== 0,
    transB: (transposes & 2) !== 0,
    base: (['none', 'accumulate', 'addend'] as const)[(index + transposes) % 3],
  })),
);

describe.skipIf(supported.length === 0)('the native matrix product', () => {
  const engines: { label: string; engine: Engine }[] = [];
  beforeAll(() => {
    for (const isa of supported) {
      for (const threads of isa === supported[0] ? [1, 2, 3] : [2]) {
        engines.push({ label: `${isa}, ${threads} threads`, engine: createNativeEngine({ isa, threads }) });
      }
    }
  });
  afterAll(() => {
    for (const { engine } of engines) engine.dispose();
  });

  it.each(products)(
    'is right and has the same bits everywhere: $m x $n x $k, $transA, $transB, $base',
    async (product) => {
      const results: { label: string; bits: Buffer }[] = [];
      for (const { label, engine } of engines) {
        const result = await multiply(engine, product);
        if (results.length === 0) expect(worstError(product, result)).toBeLessThan(4);
        results.push({ label, bits: Buffer.from(result.buffer) });
      }
      for (const { label, bits } of results) expect(Buffer.compare(bits, results[0].bits), label).toBe(0);
    },
  );

  it('does not depend on how many rows are multiplied at once', async () => {
    const [{ engine }] = engines;
    const whole = { m: 301, n: 70, k: 800, transA: false, transB: true, base: 'none' } as const;
    const together = await multiply(engine, whole);
    // The first rows of the same operands, since `values` of a longer array begins with those of a shorter one.
    for (const m of [1, 2, 4, 37, 280]) {
      const alone = await multiply(engine, { ...whole, m });
      const bits = Buffer.from(together.buffer, 0, alone.byteLength);
      expect(Buffer.compare(Buffer.from(alone.buffer), bits), `${m} rows`).toBe(0);
    }
  });
});

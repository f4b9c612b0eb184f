import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signedCodes, unsignedCodes } from '../../src/engine/dynamic-codes.js';
import type { Engine, Numbers, OpArgs, RandomKey, Tensor } from '../../src/engine/index.js';
import { createNativeEngine } from '../../src/engine/native/native-engine.js';
import { nativeStatus } from '../../src/engine/native/status.js';
import { createReferenceEngine } from '../../src/engine/reference/reference-engine.js';
import { normalNumbers } from './operands.js';

type Moments8bit = Pick<OpArgs['adam8bitDirection'], 'firstCodes' | 'firstScales' | 'secondCodes' | 'secondScales'>;

/**
 * What must hold whatever the reference says: laws that the ops obey by their definition. `epsilon` is the unit of an
 * engine's rounding.
 */
const status = nativeStatus();
const engines = [
  { name: 'reference', epsilon: 2 ** -52, create: () => createReferenceEngine() },
  ...(status.available ? status.supported : []).map((isa) => ({
    name: `native ${isa}`,
    epsilon: 2 ** -23,
    create: () => createNativeEngine({ isa, threads: 2 }),
  })),
];

describe.each(engines)('on the $name engine', ({ epsilon, create }) => {
  let engine: Engine;
  const tensors: Tensor[] = [];
  beforeAll(() => {
    engine = create();
  });
  afterAll(() => {
    for (const tensor of tensors) engine.release(tensor);
    expect(engine.ledger.live).toBe(0);
    engine.dispose();
  });

  function empty(shape: readonly number[]): Tensor {
    const tensor = engine.allocate({ shape, role: 'activation', name: 'tensor' });
    tensors.push(tensor);
    return tensor;
  }

  function write(shape: readonly number[], values: Numbers): Tensor {
    const tensor = empty(shape);
    engine.write(tensor, values);
    return tensor;
  }

  function random(shape: readonly number[], key: RandomKey): Tensor {
    return write(
      shape,
      normalNumbers(
        key,
        shape.reduce((a, b) => a * b, 1),
        1,
        0,
      ),
    );
  }

  /** Largest distance of two tensors' elements. */
  async function distance(got: Tensor, want: Tensor): Promise<number> {
    const expected = await engine.read(want);
    let largest = 0;
    for (const [i, value] of (await engine.read(got)).entries()) {
      const error = Math.abs(value - expected[i]);
      largest = Math.max(largest, error);
    }
    return largest;
  }

  it('orthonormalize makes columns orthonormal, also of nearly dependent ones', async () => {
    const [n, r] = [60, 20];
    const base = normalNumbers([1, 1], n, 1, 0);
    const noise = normalNumbers([1, 2], n * r, 1e-2, 0);
    const x = write(
      [n, r],
      noise.map((value, i) => Math.fround(base[Math.floor(i / r)] + value)),
    );
    engine.run('orthonormalize', { x, factor: 1 });
    const gram = empty([r, r]);
    engine.run('gemm', { a: x, transA: true, b: x, out: gram });
    const identity = write(
      [r, r],
      Float64Array.from({ length: r * r }, (_, i) => (i % (r + 1) === 0 ? 1 : 0)),
    );
    expect(await distance(gram, identity)).toBeLessThan(8 * Math.sqrt(n) * epsilon);
  });

  it('orthonormalize leaves R with zeros below a positive diagonal', async () => {
    const [n, r] = [40, 9];
    const original = random([n, r], [2, 1]);
    const q = empty([n, r]);
    engine.run('copy', { x: original, out: q });
    engine.run('orthonormalize', { x: q, factor: 1 });
    const upper = empty([r, r]);
    engine.run('gemm', { a: q, transA: true, b: original, out: upper });
    const values = await engine.read(upper);
    for (let i = 0; i < r; i++) {
      expect(values[i * r + i]).toBeGreaterThan(0);
      for (let j = 0; j < i; j++) expect(Math.abs(values[i * r + j])).toBeLessThan(64 * Math.sqrt(n) * epsilon);
    }
  });

  it('the inverse rope takes the rotation back', async () => {
    const angles = Float64Array.from({ length: 40 }, (_, i) => i * 0.37);
    const cos = write(
      [10, 4],
      angles.map((angle) => Math.fround(Math.cos(angle))),
    );
    const sin = write(
      [10, 4],
      angles.map((angle) => Math.fround(Math.sin(angle))),
    );
    const x = random([20, 24], [3, 1]);
    const turned = empty([20, 24]);
    const back = empty([20, 24]);
    const shape = { cos, sin, sequenceLength: 10, positionOffset: 0 };
    engine.run('rope', { ...shape, x, out: turned, inverse: false });
    engine.run('rope', { ...shape, x: turned, out: back, inverse: true });
    // The tables are rounded to f32 on every engine: cos² + sin² is 1 only to 1e-7.
    expect(await distance(back, x)).toBeLessThan(64 * 2 ** -23);
  });

  it('attention to equal values gives that value, and to one key gives its value', async () => {
    const [query, key] = [random([9, 8], [4, 1]), random([9, 8], [4, 2])];
    const value = write([9, 8], new Float64Array(72).fill(0.75));
    const [out, logSumExp] = [empty([9, 8]), empty([9, 2])];
    const shape = { batch: 1, heads: 2, keyValueHeads: 2, causal: true, scale: 0.5 };
    engine.run('attention', { ...shape, query, key, value, out, logSumExp });
    expect(await distance(out, value)).toBeLessThan(8 * epsilon);
    const values = random([9, 8], [4, 3]);
    const single = { ...shape, batch: 9, value: values };
    engine.run('attention', { ...single, query, key, out, logSumExp });
    expect(await distance(out, values)).toBeLessThan(8 * epsilon);
  });

  it('a causal query does not see what comes after it', async () => {
    const [query, key, value] = [1, 2, 3].map((stream) => random([70, 16], [5, stream]));
    const [out, again] = [empty([70, 16]), empty([70, 16])];
    const logSumExp = empty([70, 2]);
    const shape = { batch: 1, heads: 2, keyValueHeads: 2, causal: true, scale: 0.25, query, logSumExp };
    engine.run('attention', { ...shape, key, value, out });
    const cut = 40 * 16;
    for (const tensor of [key, value]) {
      engine.write(tensor, Float64Array.from(await engine.read(tensor)).fill(1000, cut));
    }
    engine.run('attention', { ...shape, key, value, out: again });
    expect((await engine.read(again)).slice(0, cut)).toEqual((await engine.read(out)).slice(0, cut));
  });

  it('a query at the end of longer keys sees the same as in the whole sequence', async () => {
    const [query, key, value] = [1, 2, 3].map((stream) => random([33, 16], [6, stream]));
    const [whole, lastOnly] = [empty([33, 16]), empty([1, 16])];
    const shape = { batch: 1, heads: 2, keyValueHeads: 2, causal: true, scale: 0.25, key, value };
    engine.run('attention', { ...shape, query, out: whole, logSumExp: empty([33, 2]) });
    const last = { ...query, shape: [1, 16], offset: 32 * 16 };
    engine.run('attention', { ...shape, query: last, out: lastOnly, logSumExp: empty([1, 2]) });
    expect(await distance(lastOnly, { ...whole, shape: [1, 16], offset: 32 * 16 })).toBeLessThan(16 * epsilon);
  });

  it('cross-entropy in one pass is log-softmax and negative log-likelihood', async () => {
    const logits = random([12, 50], [7, 1]);
    const targets = engine.allocate({ shape: [12], dtype: 'i32', role: 'data', name: 'targets' });
    tensors.push(targets);
    engine.write(
      targets,
      Int32Array.from({ length: 12 }, (_, i) => (i % 4 === 1 ? -100 : (i * 7) % 50)),
    );
    const [fused, plain] = [write([1], Float64Array.of(0)), write([1], Float64Array.of(0))];
    const [dFused, dPlain, logProbs] = [empty([12, 50]), empty([12, 50]), empty([12, 50])];
    engine.run('crossEntropy', { logits, targets, loss: fused, dLogits: dFused, scale: 0.1 });
    engine.run('logSoftmax', { x: logits, out: logProbs });
    engine.run('nllLoss', { logProbs, targets, loss: plain, scale: 0.1 });
    engine.run('nllLossBackward', { logProbs, targets, dLogits: dPlain, scale: 0.1 });
    expect(await distance(fused, plain)).toBeLessThan(64 * epsilon);
    expect(await distance(dFused, dPlain)).toBeLessThan(8 * epsilon);
  });

  it('random numbers have the mean, variance and independence that were asked for', async () => {
    for (const family of ['gaussian', 'rademacher'] as const) {
      const [rows, columns] = [400, 63];
      const count = rows * columns;
      const out = empty([rows, columns]);
      engine.run('random', { out, family, key: [8, 9], deviation: 3 });
      const values = await engine.read(out);
      const sums = { mean: 0, square: 0, neighbour: 0, below: 0 };
      for (let i = 0; i < count; i++) {
        sums.mean += values[i] / 3;
        sums.square += (values[i] / 3) ** 2;
        sums.neighbour += (values[i] * values[(i + 1) % count]) / 9;
        sums.below += (values[i] * values[(i + columns) % count]) / 9;
      }
      const fiveDeviations = 5 / Math.sqrt(count);
      expect(Math.abs(sums.mean / count)).toBeLessThan(fiveDeviations);
      expect(Math.abs(sums.square / count - 1)).toBeLessThan(Math.SQRT2 * fiveDeviations);
      expect(Math.abs(sums.neighbour / count)).toBeLessThan(fiveDeviations);
      expect(Math.abs(sums.below / count)).toBeLessThan(fiveDeviations);
    }
  });

  it('random matrices of any height start with the same rows', async () => {
    const [tall, flat] = [empty([20, 30]), empty([3, 30])];
    for (const out of [tall, flat]) engine.run('random', { out, family: 'gaussian', key: [1, 2], deviation: 1 });
    expect((await engine.read(tall)).slice(0, 90)).toEqual(await engine.read(flat));
  });

  /** A step that leaves the moments as they are, whatever they are encoded to. */
  function encodeAgain(moments: Moments8bit, blockSize: number): void {
    const gradient = write(moments.firstCodes.shape, new Float64Array(moments.firstCodes.shape[0]));
    const still = { beta1: 1, beta2: 1, epsilon: 1, correction1: 1, correction2: 1, factor: 1 };
    engine.run('adam8bitDirection', { ...still, ...moments, gradient, blockSize });
  }

  function bytes(values: Uint8Array): Tensor {
    const tensor = engine.allocate({ shape: [values.length], dtype: 'u8', role: 'optimizer', name: 'codes' });
    tensors.push(tensor);
    engine.write(tensor, values);
    return tensor;
  }

  it('every 8-bit code is the nearest one to its own value', async () => {
    const all = Uint8Array.from({ length: 256 }, (_, i) => i);
    for (const scale of [1, 0.3, 1e-20, 1e20]) {
      const scales = () => write([1], Float32Array.of(scale));
      const moments = {
        firstCodes: bytes(all),
        firstScales: scales(),
        secondCodes: bytes(all),
        secondScales: scales(),
      };
      encodeAgain(moments, 256);
      expect(await engine.read(moments.firstCodes)).toEqual(all);
      expect(await engine.read(moments.secondCodes)).toEqual(all);
      expect((await engine.read(moments.firstScales))[0]).toBe(Math.fround(scale));
    }
  });

  it('values around the boundary of two 8-bit codes go to the nearer one', async () => {
    for (const { values, first } of [
      { values: signedCodes.values, first: true },
      { values: unsignedCodes.values, first: false },
    ]) {
      for (const beside of [-1e-5, 1e-5]) {
        // β = 0 and a gradient make moments of any value; the first element fixes the scale at 1.
        const wanted = Array.from(
          values.slice(0, -1),
          (value, i) => (value + values[i + 1]) / 2 + beside * Math.abs(value),
        );
        const gradient = write(
          [257],
          Float64Array.from([1, ...wanted, 0], (x) => Math.fround(first ? x : Math.sqrt(Math.max(0, x)))),
        );
        const zeros = () => bytes(new Uint8Array(257));
        const scales = () => write([1], Float64Array.of(0));
        const moments = { firstCodes: zeros(), firstScales: scales(), secondCodes: zeros(), secondScales: scales() };
        const numbers = { beta1: 0, beta2: 0, epsilon: 1, correction1: 1, correction2: 1, factor: 1, blockSize: 512 };
        engine.run('adam8bitDirection', { ...numbers, ...moments, gradient });
        const codes = (await engine.read(first ? moments.firstCodes : moments.secondCodes)).slice(1, -1);
        const lowest = first ? 0 : 1;
        const expected = wanted.map((x, i) => Math.max(lowest, values[i] + values[i + 1] < 2 * x ? i + 1 : i));
        expect([...codes].slice(1)).toEqual(expected.slice(1));
      }
    }
  });

  it('a clipped gradient has at most the norm that was asked for', async () => {
    const x = random([500], [9, 1]);
    const [squaredNorm, factor] = [write([1], Float64Array.of(0)), empty([1])];
    engine.run('squaredNorm', { x, out: squaredNorm });
    engine.run('clipFactor', { squaredNorm, out: factor, maxNorm: 2 });
    const clipped = empty([500, 1]);
    engine.run('gemm', { a: { ...x, shape: [500, 1] }, b: { ...factor, shape: [1, 1] }, out: clipped });
    const norm = Math.hypot(...(await engine.read(clipped)));
    expect(norm).toBeLessThanOrEqual(2);
    expect(norm).toBeGreaterThan(1.9999);
  });
});

import { describe, expect, it } from 'vitest';
import { roundToBf16 } from '../dtype.js';
import { type Engine, EngineUnavailableError, OutOfMemoryError, type Tensor } from '../index.js';
import { threefry } from '../threefry.js';
import { createNativeEngine, requireAddon } from './native-engine.js';
import { nativeStatus } from './status.js';

const { available, supported } = nativeStatus();

function make(engine: Engine, shape: readonly number[], values?: readonly number[]): Tensor {
  const tensor = engine.allocate({ shape, role: 'activation', name: 'value' });
  if (values) engine.write(tensor, Float32Array.from(values));
  return tensor;
}

describe.skipIf(!available)('the native engine', () => {
  it('frees what it allocates and can be disposed of twice', async () => {
    const engine = createNativeEngine({ threads: 2 });
    const x = make(engine, [3], [1, 2, 3]);
    engine.run('scale', { x, factor: 2 });
    expect([...(await engine.read(x))]).toEqual([2, 4, 6]);
    engine.release(x);
    expect(engine.ledger.live).toBe(0);
    engine.dispose();
    engine.dispose();
  });

  it('refuses to work once it is disposed of', () => {
    const engine = createNativeEngine({ threads: 1 });
    const x = make(engine, [3]);
    engine.dispose();
    expect(() => engine.run('scale', { x, factor: 2 })).toThrow(expect.objectContaining({ code: 'NATIVE_CLOSED' }));
  });

  it('lets several engines live beside each other', async () => {
    const engines = supported.map((isa) => createNativeEngine({ isa, threads: 2 }));
    const tensors = engines.map((engine, index) => make(engine, [5], [0, 1, 2, 3, index]));
    engines[0].dispose();
    for (const [index, engine] of engines.entries()) {
      if (index > 0) expect((await engine.read(tensors[index]))[4]).toBe(index);
      engine.dispose();
    }
  });

  it('says so when more is asked for than the arena may hold', () => {
    using engine = createNativeEngine({ threads: 1, capacityBytes: 4 << 20 });
    expect(() => make(engine, [2 << 20])).toThrow(OutOfMemoryError);
  });

  it.each([{ threads: 0 }, { threads: 1.5 }, { threads: 1000 }, { isa: JSON.parse('"sse9"') }])(
    'cannot be made with %o',
    (options) => {
      expect(() => createNativeEngine(options)).toThrow(EngineUnavailableError);
    },
  );

  it('rounds to bf16 in write, copy and read: ties to even, quiet NaN, infinities, denormals', async () => {
    const values = [
      1,
      1.00390625,
      1.01171875,
      -1.00390625,
      3.4e38,
      -3.4e38,
      1e-40,
      -1e-45,
      0,
      -0,
      1 / 0,
      -1 / 0,
      0 / 0,
    ];
    const wide = [...values, ...Array.from({ length: 24 }, (_, i) => Math.fround(Math.sin(i) * 10 ** (i - 12)))];
    const expected = wide.map((value) => roundToBf16(value));
    for (const isa of supported) {
      using engine = createNativeEngine({ threads: 2, isa });
      const x = make(engine, [wide.length], wide);
      const [half, written, back] = (['bf16', 'bf16', 'f32'] as const).map((dtype) =>
        engine.allocate({ shape: [wide.length], dtype, role: 'saved', name: dtype }),
      );
      engine.write(written, Float32Array.from(wide));
      engine.run('copy', { x, out: half });
      engine.run('copy', { x: half, out: back });
      for (const tensor of [half, written, back]) expect([...(await engine.read(tensor))]).toEqual(expected);
    }
  });

  it('draws the signs that Threefry gives, also in its known answer', async () => {
    expect(threefry([0x13198a2e, 0x03707344], 0x243f6a88, 0x85a308d3)).toEqual([0xc4923a9c, 0x483df7a0]);
    const key = [0x13198a2e, 0x03707344] as const;
    using engine = createNativeEngine({ threads: 3 });
    const out = make(engine, [3, 2100]);
    engine.run('random', { out, family: 'rademacher', key, deviation: 1 });
    const drawn = await engine.read(out);
    for (let i = 0; i < 3; i++) {
      for (let j = 0; j < 2100; j++) {
        const word = threefry(key, i, Math.floor(j / 64))[j % 64 < 32 ? 0 : 1];
        expect(drawn[i * 2100 + j]).toBe((word >>> (j % 32)) & 1 ? -1 : 1);
      }
    }
  });

  it('gives one loss and one gradient, whether in one pass or in three ops', async () => {
    using engine = createNativeEngine({ threads: 2 });
    const [rows, columns] = [5, 1037];
    const logits = make(engine, [rows, columns]);
    engine.run('random', { out: logits, family: 'gaussian', key: [1, 2], deviation: 3 });
    const targets = engine.allocate({ shape: [rows], dtype: 'i32', role: 'data', name: 'targets' });
    engine.write(targets, Int32Array.of(0, 1036, -100, 512, 17));
    const [loss, lossInSteps] = [make(engine, [1], [0.5]), make(engine, [1], [0.5])];
    const [dLogits, logProbs, dInSteps] = [0, 1, 2].map(() => make(engine, [rows, columns]));
    engine.run('crossEntropy', { logits, targets, loss, dLogits, scale: 0.25 });
    engine.run('logSoftmax', { x: logits, out: logProbs });
    engine.run('nllLoss', { logProbs, targets, loss: lossInSteps, scale: 0.25 });
    engine.run('nllLossBackward', { logProbs, targets, dLogits: dInSteps, scale: 0.25 });
    expect(await engine.read(lossInSteps)).toEqual(await engine.read(loss));
    expect(await engine.read(dInSteps)).toEqual(await engine.read(dLogits));
  });

  it('computes the same gradients from kept and from recomputed values', async () => {
    using engine = createNativeEngine({ threads: 2 });
    const shape = [70, 45];
    const random = (seed: number, of: readonly number[] = shape) => {
      const out = make(engine, of);
      engine.run('random', {
        out: { ...out, shape: [1, of.reduce((a, b) => a * b, 1)] },
        family: 'gaussian',
        key: [seed, 0],
        deviation: 1,
      });
      return out;
    };
    const [gate, up, dy, weight] = [random(1), random(2), random(3), random(4, [45])];
    const [out, activated, kept, recomputed, dUp, rstd] = [
      ...[1, 2, 3, 4, 5].map(() => make(engine, shape)),
      make(engine, [70]),
    ];
    engine.run('swiglu', { gate, up, out, activated });
    engine.run('swigluBackward', { gate, up, dy, dGate: kept, dUp, activated });
    const dUpKept = await engine.read(dUp);
    engine.run('swigluBackward', { gate, up, dy, dGate: recomputed, dUp });
    expect(await engine.read(recomputed)).toEqual(await engine.read(kept));
    expect(await engine.read(dUp)).toEqual(dUpKept);

    const dWeights = [make(engine, [45], Array(45).fill(0)), make(engine, [45], Array(45).fill(0))];
    engine.run('rmsNorm', { x: gate, weight, out, rstd, normalized: activated, epsilon: 1e-6 });
    const common = { rstd, weight, dy };
    engine.run('rmsNormBackward', { ...common, x: activated, normalized: true, dx: kept, dWeight: dWeights[0] });
    engine.run('rmsNormBackward', { ...common, x: gate, dx: recomputed, dWeight: dWeights[1] });
    expect(await engine.read(recomputed)).toEqual(await engine.read(kept));
    expect(await engine.read(dWeights[1])).toEqual(await engine.read(dWeights[0]));
  });

  it('refuses token ids outside the vocabulary', () => {
    using engine = createNativeEngine({ threads: 1 });
    const ids = engine.allocate({ shape: [2], dtype: 'i32', role: 'data', name: 'ids' });
    engine.write(ids, Int32Array.of(1, 7));
    const [table, out] = [make(engine, [7, 3]), make(engine, [2, 3])];
    expect(() => engine.run('embedding', { ids, table, out })).toThrow(
      expect.objectContaining({ code: 'NATIVE_TOKEN' }),
    );
  });
});

describe.skipIf(!available)('the addon', () => {
  /** An engine on the C++ side alone, with a megabyte of memory. */
  function withHandle(body: (context: ReturnType<typeof open>) => void): void {
    const context = open();
    try {
      body(context);
    } finally {
      context.addon.close(context.handle);
    }
  }
  function open() {
    const addon = requireAddon();
    const block = new Float64Array(64);
    const handle = addon.open(2, addon.tiers()[0], 64 << 20, block);
    addon.grow(handle, 1 << 20);
    return { addon, block, handle, bytes: addon.info(handle).reservedBytes };
  }
  const fillCode = 14;

  it.each([
    ['beyond the end', (bytes: number) => bytes],
    ['across the end', (bytes: number) => bytes - 4],
    ['before the start', () => -4],
    ['between two floats', () => 2],
    ['nowhere', () => Number.NaN],
    ['at infinity', () => Number.POSITIVE_INFINITY],
    ['past 2^53', () => 2 ** 60],
  ] as const)('refuses a tensor %s', (_, offsetOf) => {
    withHandle(({ addon, block, handle, bytes }) => {
      block.set([2, 0, 0, 1, offsetOf(bytes)]);
      expect(() => addon.run(handle, fillCode)).toThrow(/native engine/);
    });
  });

  it.each([0, -1, 0.5, Number.NaN, 2 ** 61])('refuses %s elements', (count) => {
    withHandle(({ addon, block, handle }) => {
      block.set([count, 0, 0, 1, 0]);
      expect(() => addon.run(handle, fillCode)).toThrow(expect.objectContaining({ code: 'NATIVE_ARGUMENTS' }));
    });
  });

  it('refuses extents whose product leaves 64 bits', () => {
    withHandle(({ addon, block, handle }) => {
      block.fill(0).set([2 ** 40, 2 ** 40, 2 ** 40]);
      expect(() => addon.run(handle, 0)).toThrow(expect.objectContaining({ code: expect.stringMatching(/^NATIVE_/) }));
    });
  });

  it('refuses unknown ops, stale handles, and values outside the arena', () => {
    withHandle(({ addon, handle, bytes }) => {
      expect(() => addon.run(handle, 1000)).toThrow(/native engine/);
      expect(() => addon.run(handle, -1)).toThrow(/native engine/);
      expect(() => addon.write(handle, bytes - 4, new Float32Array(2), false)).toThrow(/outside the arena/);
      expect(() => addon.read(handle, bytes + 8, new Float32Array(1), false)).toThrow(/outside the arena/);
      expect(() => addon.grow(handle, 65 << 20)).toThrow(expect.objectContaining({ code: 'NATIVE_MEMORY' }));
      const other = addon.open(1, 'generic', 1 << 21, new Float64Array(64));
      addon.close(other);
      expect(() => addon.info(other)).toThrow(expect.objectContaining({ code: 'NATIVE_CLOSED' }));
    });
  });
});

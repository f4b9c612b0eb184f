import { describe, expect, it } from 'vitest';
import type { Engine, RandomKey } from '../../src/engine/index.js';
import { roundToBf16 } from '../../src/engine/index.js';
import { createNativeEngine } from '../../src/engine/native/native-engine.js';
import { nativeStatus } from '../../src/engine/native/status.js';
import { createReferenceEngine } from '../../src/engine/reference/reference-engine.js';

const status = nativeStatus();
const engines: { readonly name: string; readonly create: () => Engine }[] = [
  { name: 'reference', create: () => createReferenceEngine() },
  ...(status.available ? status.supported : []).map((isa) => ({
    name: `native ${isa}`,
    create: () => createNativeEngine({ isa, threads: 2 }),
  })),
];

/** What a bf16 tensor of `value` becomes when `change` is added to each of its elements. */
async function added(engine: Engine, value: number, change: number, count: number, rounding: RandomKey) {
  const out = engine.allocate({ shape: [count], dtype: 'bf16', role: 'weight', name: 'out' });
  const x = engine.allocate({ shape: [count], role: 'activation', name: 'x' });
  engine.run('fill', { out, value });
  engine.run('fill', { out: x, value: change });
  engine.run('axpby', { x, out, alpha: 1, beta: 1, rounding });
  const values = Float64Array.from(await engine.read(out));
  engine.release(out);
  engine.release(x);
  return values;
}

const step = 2 ** -7;

describe.each(engines)('stochastic rounding on the $name engine', ({ create }) => {
  it.each([0.25, -0.1, 0.5, 1 / 3, 0.004])(
    'keeps a change of %d steps in the mean, on the two neighbours only',
    async (part) => {
      using engine = create();
      const count = 40_001;
      const values = await added(engine, 1.5, part * step, count, [3, 5]);
      const low = 1.5 + Math.floor(part) * step;
      expect(new Set(values)).toEqual(new Set([low, low + step]));
      const mean = values.reduce((sum, value) => sum + value, 0) / count;
      const above = part - Math.floor(part);
      // Five deviations of the mean of `count` coins.
      const allowed = 5 * Math.sqrt((above * (1 - above)) / count) * step;
      expect(Math.abs(mean - (1.5 + part * step))).toBeLessThan(allowed);
    },
  );

  it('leaves alone what bf16 can hold, infinities, and makes NaN of NaN', async () => {
    using engine = create();
    for (const value of [1.5, -3, 0, 2 ** 100, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      expect(new Set(await added(engine, value, 0, 100, [1, 2]))).toEqual(new Set([value]));
    }
    expect(new Set(await added(engine, 1, Number.NaN, 100, [1, 2]))).toEqual(new Set([Number.NaN]));
  });

  it('takes the bits that the contract names, and others for another key', async () => {
    using engine = create();
    using reference = createReferenceEngine();
    const change = Math.fround(0.37 * step);
    const values = await added(engine, 1, change, 1000, [8, 9]);
    expect(values).toEqual(await added(reference, 1, change, 1000, [8, 9]));
    expect(values).not.toEqual(await added(engine, 1, change, 1000, [8, 10]));
    expect(values.every((value) => value === roundToBf16(value))).toBe(true);
  });
});

import { describe, expect, it } from 'vitest';
import { type Engine, openEngine } from '../src/engine/index.js';
import { Projections, projectionFamilies, type Sketch, squaredError } from '../src/keep/index.js';
import { normalNumbers } from './contract/operands.js';
import { relativeError } from './support/tiny.js';
import { engineHere } from './support/training.js';

const draws = 60;
const columns = 32;

/** Input widths and ranks: a power of two, and one that has to be padded by half. */
const shapes: readonly (readonly [number, number])[] = [
  [128, 32],
  [172, 44],
];

/** P·Pᵀ·G for Gᵀ [columns, n], by the very calls that training makes. */
async function projectedAndExpanded(engine: Engine, sketch: Sketch, seed: number, transposed: Float64Array) {
  const { inputSize: n, rank: r } = sketch;
  const tensor = (shape: readonly number[]) => engine.allocate({ shape, role: 'activation', name: 'test' });
  const [x, z, u, out] = [tensor([columns, n]), tensor([columns, r]), tensor([r, columns]), tensor([columns, n])];
  using projections = new Projections(engine, seed, Number.POSITIVE_INFINITY, [sketch]);
  engine.write(x, transposed);
  projections.project(sketch, x, z);
  const sketched = await engine.read(z);
  engine.write(
    u,
    Float64Array.from({ length: r * columns }, (_, i) => sketched[(i % columns) * r + Math.floor(i / columns)]),
  );
  engine.run('fill', { out, value: 0 });
  projections.expand(sketch, u, out);
  const result = Float64Array.from(await engine.read(out));
  for (const each of [x, z, u, out]) engine.release(each);
  return result;
}

describe.each(projectionFamilies)('%s projections', (family) => {
  it.each(shapes)('of width %d to rank %d have the error of theory and no bias', async (n, r) => {
    using engine = await openEngine(engineHere, { threads: 1 });
    const sketch: Sketch = { group: 0, inputSize: n, rank: r, family };
    const gradient = normalNumbers([n, r], columns * n, 1, 0);
    const mean = new Float64Array(columns * n);
    let squared = 0;
    for (let seed = 0; seed < draws; seed++) {
      const expanded = await projectedAndExpanded(engine, sketch, seed, gradient);
      squared += relativeError(expanded, gradient) ** 2 / draws;
      for (let i = 0; i < mean.length; i++) mean[i] += expanded[i] / draws;
    }
    const theory = squaredError(sketch);
    expect(Math.abs(squared / theory - 1)).toBeLessThan(0.03);
    // The mean over R draws is off by e/√R.
    expect(relativeError(mean, gradient) / Math.sqrt(theory / draws)).toBeGreaterThan(0.9);
    expect(relativeError(mean, gradient) / Math.sqrt(theory / draws)).toBeLessThan(1.1);
  });

  it('keep the length of a vector on average, and give the same numbers for the same seed', async () => {
    using engine = await openEngine(engineHere, { threads: 1 });
    const sketch: Sketch = { group: 3, inputSize: 90, rank: 24, family };
    const gradient = normalNumbers([4, 5], columns * 90, 1, 0);
    const once = await projectedAndExpanded(engine, sketch, 8, gradient);
    expect(await projectedAndExpanded(engine, sketch, 8, gradient)).toEqual(once);
    expect(await projectedAndExpanded(engine, { ...sketch, group: 4 }, 8, gradient)).not.toEqual(once);
    expect(await projectedAndExpanded(engine, sketch, 9, gradient)).not.toEqual(once);
  });
});

describe('fast projections', () => {
  it.each(['sparse', 'srht'] as const)('%s: what is applied is the matrix itself', async (family) => {
    using engine = await openEngine(engineHere, { threads: 2 });
    const [rows, n, r] = [37, 100, 19];
    const sketch: Sketch = { group: 1, inputSize: n, rank: r, family };
    const tensor = (shape: readonly number[]) => engine.allocate({ shape, role: 'activation', name: 'test' });
    const [x, fast, plain] = [tensor([rows, n]), tensor([rows, r]), tensor([rows, r])];
    engine.write(x, normalNumbers([1, 2], rows * n, 1, 0));
    using projections = new Projections(engine, 5, 10, [sketch]);
    projections.setStep(25);
    projections.project(sketch, x, fast);
    expect(engine.ledger.read().peakByRole.projection, 'no matrix is made').toBe(0);
    projections.with(sketch, (p) => engine.run('gemm', { a: x, b: p, out: plain }));
    const [got, want] = [await engine.read(fast), await engine.read(plain)].map((values) => Float64Array.from(values));
    expect(relativeError(got, want)).toBeLessThan(1e-6);
  });
});

import { describe, expect, it } from 'vitest';
import { type Engine, type FloatType, openEngine, type Tensor } from '../src/engine/index.js';
import { createReferenceEngine } from '../src/engine/reference/reference-engine.js';
import { type DataBasis, leadingDirections, renewBasis } from '../src/keep/index.js';
import type { RecipeOptions } from '../src/plan/index.js';
import { normalNumbers } from './contract/operands.js';
import { gradientOf, relativeError, runPass, tinyBatch, tinyConfig, tinyPlan } from './support/tiny.js';
import { engineHere } from './support/training.js';

const [tokens, n, m] = [64, 48, 20];

function upload(engine: Engine, shape: readonly number[], values: ArrayLike<number>, dtype: FloatType = 'f32'): Tensor {
  const tensor = engine.allocate({ shape, dtype, role: 'activation', name: 'test' });
  engine.write(tensor, Float64Array.from(values));
  return tensor;
}

/** Inputs whose directions differ in size: column i of a random matrix times 0.9^i. */
const inputs = normalNumbers([3, 4], tokens * n, 1, 0).map((value, at) => value * 0.9 ** (at % n));

/** P [n, r] after the basis followed the inputs. */
async function basisOf(
  engine: Engine,
  basis: DataBasis,
  rank: number,
  seed: number,
  dtype: FloatType = 'f32',
): Promise<Float64Array> {
  const x = upload(engine, [tokens, n], inputs, dtype);
  const p = upload(engine, [n, rank], normalNumbers([9, seed], n * rank, 1, 0), dtype);
  renewBasis(engine, basis, x, p, [seed, 77]);
  const found = Float64Array.from(await engine.read(p));
  engine.release(p);
  engine.release(x);
  expect(engine.ledger.live, 'workspaces are freed').toBe(0);
  return found;
}

/** P·Pᵀ·G for G [n, m]. */
function projectedBack(p: Float64Array, rank: number, g: Float64Array): Float64Array {
  const z = new Float64Array(rank * m);
  for (let k = 0; k < rank; k++) {
    for (let j = 0; j < m; j++) for (let i = 0; i < n; i++) z[k * m + j] += p[i * rank + k] * g[i * m + j];
  }
  const out = new Float64Array(n * m);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < m; j++) for (let k = 0; k < rank; k++) out[i * m + j] += p[i * rank + k] * z[k * m + j];
  }
  return out;
}

function dotColumns(p: Float64Array, rank: number, a: number, b: number): number {
  let sum = 0;
  for (let i = 0; i < n; i++) sum += p[i * rank + a] * p[i * rank + b];
  return sum;
}

/** Part of ‖X‖² in the span of the first columns of P, which are orthogonal. */
function energy(p: Float64Array, rank: number, columns: number): number {
  let held = 0;
  let all = 0;
  for (let token = 0; token < tokens; token++) {
    for (let k = 0; k < columns; k++) {
      let part = 0;
      for (let i = 0; i < n; i++) part += inputs[token * n + i] * p[i * rank + k];
      held += part ** 2 / dotColumns(p, rank, k, k);
    }
    for (let i = 0; i < n; i++) all += inputs[token * n + i] ** 2;
  }
  return held / all;
}

describe('a basis from the input', () => {
  it.each([
    ['range-finder', 'f32', 1e-5],
    ['prac', 'f32', 1e-5],
    // One rounding of each entry, of relative 2^-9 at most.
    ['range-finder', 'bf16', 2 ** -8],
    ['prac', 'bf16', 2 ** -8],
  ] as const)('%s in %s: has orthogonal columns of the lengths of its definition', async (basis, dtype, most) => {
    using engine = await openEngine(engineHere, { threads: 2 });
    const rank = 13;
    const p = await basisOf(engine, basis, rank, 1, dtype);
    const leading = leadingDirections(rank);
    for (let a = 0; a < rank; a++) {
      const length = basis === 'range-finder' ? n / rank : a < leading ? 1 : (n - leading) / (rank - leading);
      for (let b = 0; b <= a; b++) {
        expect(Math.abs(dotColumns(p, rank, a, b) - (a === b ? length : 0))).toBeLessThan(most * Math.max(1, length));
      }
    }
  });

  it('holds far more of the input than its share of the directions', async () => {
    using engine = await openEngine(engineHere, { threads: 1 });
    const p = await basisOf(engine, 'range-finder', 10, 1);
    // The ten largest of the sizes 0.9^2i are 88 % of all; a random subspace of 48 directions holds 21 %.
    expect(energy(p, 10, 10)).toBeGreaterThan(0.75);
    expect(energy(await basisOf(engine, 'prac', 10, 1), 10, 5)).toBeGreaterThan(0.45);
  });

  it('prac is unbiased, with the error (k − 1)·‖(I − Q1·Q1ᵀ)·G‖²', async () => {
    using engine = await openEngine(engineHere, { threads: 1 });
    const [rank, draws] = [12, 60];
    const leading = leadingDirections(rank);
    const k = (n - leading) / (rank - leading);
    const g = normalNumbers([5, 6], n * m, 1, 0);
    const x = upload(engine, [tokens, n], inputs);
    const mean = new Float64Array(n * m);
    let squared = 0;
    let outside = 0;
    for (let draw = 0; draw < draws; draw++) {
      // The same start each time: the leading directions are the same, only the random ones differ.
      const p = upload(engine, [n, rank], normalNumbers([9, 9], n * rank, 1, 0));
      renewBasis(engine, 'prac', x, p, [draw, 78]);
      const values = Float64Array.from(await engine.read(p));
      engine.release(p);
      const back = projectedBack(values, rank, g);
      squared += relativeError(back, g) ** 2 / draws;
      for (let i = 0; i < mean.length; i++) mean[i] += back[i] / draws;
      if (draw === 0) {
        const lead = Float64Array.from(
          { length: n * leading },
          (_, at) => values[Math.floor(at / leading) * rank + (at % leading)],
        );
        outside = relativeError(projectedBack(lead, leading, g), g) ** 2;
      }
    }
    engine.release(x);
    const theory = (k - 1) * outside;
    expect(Math.abs(squared / theory - 1)).toBeLessThan(0.05);
    expect(relativeError(mean, g) / Math.sqrt(theory / draws)).toBeGreaterThan(0.9);
    expect(relativeError(mean, g) / Math.sqrt(theory / draws)).toBeLessThan(1.1);
  });

  it('prac with as many directions as there are gives the exact gradient', async () => {
    using engine = createReferenceEngine();
    const p = await basisOf(engine, 'prac', n, 3);
    const g = normalNumbers([5, 7], n * m, 1, 0);
    expect(relativeError(projectedBack(p, n, g), g)).toBeLessThan(1e-9);
  });
});

describe('lifted gradients', () => {
  const host = [tinyBatch(tinyConfig, 2, 12)];
  const exactPlan = tinyPlan('lean', tinyConfig);
  const sketched = /\.(q|k|v|gate|up|down)_proj\.weight$/;

  it('of PRAC with all directions are the exact ones, whatever the layer', async () => {
    const engine = createReferenceEngine();
    const exact = await runPass(engine, tinyConfig, exactPlan, host);
    const lifted = await runPass(engine, tinyConfig, tinyPlan('prac', tinyConfig, { rank: { ratio: 1 } }), host);
    for (const [name, gradient] of exact.gradients) {
      expect(relativeError(gradientOf(lifted, name), gradient), name).toBeLessThan(1e-9);
    }
  });

  it('have the weights’ shapes and leave all other gradients exact bit for bit', async () => {
    const engine = createReferenceEngine();
    const exact = await runPass(engine, tinyConfig, tinyPlan('full', tinyConfig), host);
    const variants: Partial<RecipeOptions>[] = [{}, { basis: 'random', projection: 'srht' }];
    for (const options of variants) {
      const lifted = await runPass(engine, tinyConfig, tinyPlan('prac', tinyConfig, options), host);
      expect(lifted.loss).toBeCloseTo(exact.loss, 12);
      for (const [name, gradient] of exact.gradients) {
        if (!sketched.test(name)) expect(gradientOf(lifted, name), name).toEqual(gradient);
        else {
          expect(gradientOf(lifted, name).length, name).toBe(gradient.length);
          // The leading half of the directions of down_proj holds all that 24 tokens have.
          const all = options.basis === undefined && /down_proj/.test(name);
          if (all) expect(relativeError(gradientOf(lifted, name), gradient), name).toBeLessThan(1e-9);
          else expect(relativeError(gradientOf(lifted, name), gradient), name).toBeGreaterThan(0.1);
        }
      }
    }
  });

  it('add up over micro-batches, all with the directions of the first', async () => {
    const engine = createReferenceEngine();
    const plan = tinyPlan('prac', tinyConfig);
    const [whole] = host;
    const half = (from: number) => ({
      ...whole,
      batch: 1,
      inputs: whole.inputs.slice(from * 12, (from + 1) * 12),
      targets: whole.targets.slice(from * 12, (from + 1) * 12),
    });
    const together = await runPass(engine, tinyConfig, plan, [half(0), half(1)]);
    const twice = await runPass(engine, tinyConfig, plan, [half(0), half(0)]);
    const once = await runPass(engine, tinyConfig, plan, [half(0)]);
    for (const [name, gradient] of once.gradients) {
      // The same micro-batch twice has the same mean gradient; another one changes it.
      expect(relativeError(gradientOf(twice, name), gradient), name).toBeLessThan(1e-9);
      expect(relativeError(gradientOf(together, name), gradient), name).toBeGreaterThan(1e-3);
    }
  });
});

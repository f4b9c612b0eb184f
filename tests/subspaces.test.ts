import { describe, expect, it } from 'vitest';
import { type Engine, openEngine, type RandomKey, type Tensor, threefry, uniform } from '../src/engine/index.js';
import { createReferenceEngine } from '../src/engine/reference/reference-engine.js';
import type { Sketch } from '../src/keep/index.js';
import { muonDefaults, Optimizer, type UpdateSpec } from '../src/optim/index.js';
import { leadingBasis } from '../src/optim/subspace/leading-basis.js';
import { projectedSide } from '../src/optim/subspace/side.js';
import { Parameter } from '../src/tape/index.js';
import { normalNumbers } from './contract/operands.js';
import { fixedProjection } from './support/fixed-projection.js';
import { adamSettings, relativeError } from './support/tiny.js';
import { engineHere } from './support/training.js';

type Rows = readonly (readonly number[])[];

const direction = { name: 'adamw' } as const;
const learningRate = 0.01;

function upload(engine: Engine, shape: readonly number[], values: ArrayLike<number>): Tensor {
  const tensor = engine.allocate({ shape, role: 'activation', name: 'test' });
  engine.write(tensor, Float64Array.from(values));
  return tensor;
}

/** Columns of a random matrix made orthonormal. */
function orthonormalColumns(key: RandomKey, rows: number, columns: number): Rows {
  const found: number[][] = [];
  for (let j = 0; j < columns; j++) {
    const column = [...normalNumbers([key[0], key[1] + j], rows, 1, 0)];
    for (const earlier of found) {
      const part = dot(column, earlier);
      for (let i = 0; i < rows; i++) column[i] -= part * earlier[i];
    }
    const length = Math.sqrt(dot(column, column));
    found.push(column.map((value) => value / length));
  }
  return found;
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, i) => sum + value * b[i], 0);
}

/** Σ σ_i·u_i·v_iᵀ with given singular values, row by row. */
function withSingularValues(rows: number, columns: number, values: readonly number[]): Float64Array {
  const u = orthonormalColumns([1, 100], rows, values.length);
  const v = orthonormalColumns([2, 100], columns, values.length);
  return Float64Array.from({ length: rows * columns }, (_, at) =>
    values.reduce((sum, sigma, i) => sum + sigma * u[i][Math.floor(at / columns)] * v[i][at % columns], 0),
  );
}

/** Part of ‖G‖² that lies in the span of the basis, and how far its rows are from orthonormal. */
async function captured(
  engine: Engine,
  shape: readonly [number, number],
  values: Float64Array,
  rank: number,
  kind: 'svd' | 'range-finder',
) {
  const side = projectedSide(shape, rank);
  const gradient = upload(engine, shape, values);
  const basis = engine.allocate({ shape: [rank, side.smaller], role: 'optimizer', name: 'basis' });
  leadingBasis(engine, side, gradient, basis, kind, [7, 8]);
  const found = [...(await engine.read(basis))];
  engine.release(basis);
  engine.release(gradient);
  expect(engine.ledger.live, 'workspaces are freed').toBe(0);
  const rows = Array.from({ length: rank }, (_, i) => found.slice(i * side.smaller, (i + 1) * side.smaller));
  const lines = Array.from({ length: side.larger }, (_, line) =>
    Array.from({ length: side.smaller }, (_, i) => values[side.right ? line * shape[1] + i : i * shape[1] + line]),
  );
  const energy = lines.reduce((sum, line) => sum + rows.reduce((inner, row) => inner + dot(row, line) ** 2, 0), 0);
  let skew = 0;
  for (const [i, row] of rows.entries()) {
    for (let j = 0; j <= i; j++) skew = Math.max(skew, Math.abs(dot(row, rows[j]) - (i === j ? 1 : 0)));
  }
  return { energy, skew, rows };
}

describe('the leading basis of a gradient', () => {
  const slowly = Array.from({ length: 40 }, (_, i) => 0.93 ** i);
  const best = (rank: number) => slowly.slice(0, rank).reduce((sum, sigma) => sum + sigma ** 2, 0);
  const all = best(40);

  it.each([
    [90, 40],
    [40, 90],
    [40, 40],
  ] as const)(
    'of %d×%d holds nearly all that the exact one holds; the plain range finder less',
    async (rows, columns) => {
      using engine = await openEngine(engineHere, { threads: 2 });
      const gradient = withSingularValues(rows, columns, slowly);
      const svd = await captured(engine, [rows, columns], gradient, 10, 'svd');
      expect(svd.energy / best(10)).toBeGreaterThan(0.99);
      expect(svd.energy / best(10)).toBeLessThan(1 + 1e-5);
      expect(svd.skew).toBeLessThan(1e-5);
      const plain = await captured(engine, [rows, columns], gradient, 10, 'range-finder');
      expect(plain.skew).toBeLessThan(1e-5);
      expect(plain.energy).toBeLessThan(svd.energy);
      // A random subspace holds 10/40 on average.
      expect(plain.energy / all).toBeGreaterThan(1.5 * (10 / 40));
    },
  );

  it('is exact where the rank comes close to the smaller side: the singular vectors themselves, largest first', async () => {
    using engine = createReferenceEngine();
    const values = [9, 5, 3, 1, 0.5, 0.2];
    const gradient = withSingularValues(12, 6, values);
    const v = orthonormalColumns([2, 100], 6, 6);
    const { rows } = await captured(engine, [12, 6], gradient, 4, 'svd');
    for (const [i, row] of rows.entries()) expect(Math.abs(dot(row, v[i]))).toBeCloseTo(1, 9);
  });

  it('of a gradient of lower rank has rows of zeros or of noise, but no NaN', async () => {
    using engine = await openEngine(engineHere, { threads: 1 });
    const low = await captured(engine, [20, 30], withSingularValues(20, 30, [2, 1]), 5, 'svd');
    expect(low.energy).toBeCloseTo(5, 4);
    const none = await captured(engine, [20, 30], new Float64Array(600), 5, 'svd');
    expect(none.rows.flat().every((value) => value === 0)).toBe(true);
  });
});

const gradientAt = (step: number) => (_: unknown, i: number) => Math.cos(step + 0.7 * i) * 10 ** ((i % 3) - 1);
const weightAt = (_: unknown, i: number) => Math.sin(1 + i);

interface Run {
  readonly shape: readonly [number, number];
  readonly update: UpdateSpec;
  readonly scale: number;
  readonly firstStep?: number;
  readonly sketch?: { readonly sketch: Sketch; readonly p: Float64Array };
  readonly prepare?: (engine: Engine, state: ReadonlyMap<string, Tensor>) => void;
}

/** Some steps on gradients that do not depend on the weight. */
async function train({ shape, update, scale, firstStep = 0, sketch, prepare }: Run, steps = 6) {
  using engine = createReferenceEngine();
  const size = shape[0] * shape[1];
  const weight = engine.allocate({ shape, role: 'weight', name: 'w' });
  engine.write(weight, Float64Array.from({ length: size }, weightAt));
  const parameter = new Parameter('w', weight);
  using optimizer = new Optimizer(engine, [parameter], {
    seed: 3,
    settings: { ...adamSettings, weightDecay: 0.1 },
    rules: () => ({ update, sketch: sketch?.sketch, scale }),
    projections: fixedProjection(engine, sketch?.p ?? new Float64Array()),
  });
  prepare?.(engine, optimizer.state());
  for (let step = firstStep; step < firstStep + steps; step++) {
    const dense = Float64Array.from({ length: size }, gradientAt(step));
    const values = sketch ? compressed(dense, shape, sketch.p, sketch.sketch.rank) : dense;
    parameter.gradient = engine.allocate({
      shape: sketch ? [sketch.sketch.rank, shape[0]] : shape,
      role: 'gradient',
      name: 'w',
    });
    engine.write(parameter.gradient, values);
    optimizer.update(parameter, { step, learningRate });
  }
  return Float64Array.from(await engine.read(weight));
}

/** Ĝ = Pᵀ·G, [r, out], of a gradient stored [out, in]. */
function compressed(dense: Float64Array, [out, input]: readonly [number, number], p: Float64Array, rank: number) {
  return Float64Array.from({ length: rank * out }, (_, at) => {
    const [k, j] = [Math.floor(at / out), at % out];
    let sum = 0;
    for (let i = 0; i < input; i++) sum += p[i * rank + k] * dense[j * input + i];
    return sum;
  });
}

describe('GaLore', () => {
  const rank = 3;
  const galore = (updateGap: number): UpdateSpec => ({
    ...{ name: 'galore', rank: { absolute: rank }, updateGap, basis: 'svd', direction },
  });

  it('with a given basis on the input side is CompAct with that projection, step by step', async () => {
    const shape = [9, 5] as const;
    const p = Float64Array.from({ length: 5 * rank }, (_, i) => Math.cos(1.3 * i + 0.2));
    const transposed = Float64Array.from({ length: rank * 5 }, (_, at) => p[(at % 5) * rank + Math.floor(at / 5)]);
    const sketch: Sketch = { group: 0, inputSize: 5, rank, family: 'gaussian' };
    const compact = await train({ shape, update: direction, scale: 0.25, firstStep: 1, sketch: { sketch, p } });
    const projected = await train({
      shape,
      update: galore(100),
      scale: 0.25,
      firstStep: 1,
      prepare: (engine, state) => {
        const basis = state.get('w.basis');
        if (!basis) throw new Error('no basis');
        engine.write(basis, transposed);
      },
    });
    expect(relativeError(projected, compact)).toBeLessThan(1e-14);
  });

  it.each([
    [8, 20],
    [20, 8],
  ] as const)('keeps 2·r·larger + r·smaller numbers for %d×%d, and its basis between renewals', (rows, columns) => {
    using engine = createReferenceEngine();
    const weight = engine.allocate({ shape: [rows, columns], role: 'weight', name: 'w' });
    using optimizer = new Optimizer(engine, [new Parameter('w', weight)], {
      seed: 3,
      settings: adamSettings,
      rules: () => ({ update: galore(4), sketch: undefined, scale: 1 }),
      projections: fixedProjection(engine, new Float64Array()),
    });
    expect(engine.ledger.read().liveByRole.optimizer / 4).toBe(2 * rank * 20 + rank * 8);
    expect([...optimizer.state().keys()]).toEqual(['w.basis', 'w.exp_avg', 'w.exp_avg_sq']);
    expect([0, 1, 2, 3, 4, 5, 8].map((step) => optimizer.renews(step))).toEqual([
      true,
      false,
      false,
      false,
      true,
      false,
      true,
    ]);
  });
});

describe('sketched Muon', () => {
  const muon: UpdateSpec = { ...muonDefaults, updateRms: 1 };

  it.each([
    [9, 5],
    [5, 9],
  ] as const)('with r = n and P = I is Muon itself, on %d×%d', async (rows, columns) => {
    const identity = Float64Array.from({ length: columns ** 2 }, (_, at) => (at % (columns + 1) === 0 ? 1 : 0));
    const sketch: Sketch = { group: 0, inputSize: columns, rank: columns, family: 'gaussian' };
    const dense = await train({ shape: [rows, columns], update: muon, scale: 0.25 });
    const sketched = await train({
      shape: [rows, columns],
      update: muon,
      scale: 0.25,
      sketch: { sketch, p: identity },
    });
    expect(relativeError(sketched, dense)).toBeLessThan(1e-12);
  });

  it('keeps one r×m state per matrix', () => {
    using engine = createReferenceEngine();
    const weight = engine.allocate({ shape: [8, 20], role: 'weight', name: 'w' });
    const sketch: Sketch = { group: 0, inputSize: 20, rank: 5, family: 'srht' };
    using _optimizer = new Optimizer(engine, [new Parameter('w', weight)], {
      seed: 3,
      settings: adamSettings,
      rules: () => ({ update: muon, sketch, scale: 1 }),
      projections: fixedProjection(engine, new Float64Array()),
    });
    expect(engine.ledger.read().liveByRole.optimizer / 4).toBe(5 * 8);
  });
});

describe('APOLLO', () => {
  const shapes = [
    [9, 5],
    [5, 9],
  ] as const;

  it.each(shapes.flatMap((shape) => (['channel', 'tensor'] as const).map((scaling) => [shape, scaling] as const)))(
    'on %j by %s agrees with a computation by hand',
    async (shape, scaling) => {
      const rank = scaling === 'tensor' ? 1 : 3;
      const update: UpdateSpec = { name: 'apollo', rank: { absolute: rank }, updateGap: 2, scaling, direction };
      const scale = 0.7;
      const found = await train({ shape, update, scale });
      expect(relativeError(found, apolloByHand(shape, rank, scaling, scale, 6))).toBeLessThan(1e-12);
    },
  );

  it('keeps the moments of the projection and one number, whatever the smaller side', () => {
    using engine = createReferenceEngine();
    const weight = engine.allocate({ shape: [8, 20], role: 'weight', name: 'w' });
    using _optimizer = new Optimizer(engine, [new Parameter('w', weight)], {
      seed: 3,
      settings: adamSettings,
      rules: () => ({
        update: { name: 'apollo', rank: { absolute: 1 }, updateGap: 4, scaling: 'tensor', direction },
        sketch: undefined,
        scale: 1,
      }),
      projections: fixedProjection(engine, new Float64Array()),
    });
    expect(engine.ledger.read().liveByRole.optimizer / 4).toBe(2 * 20 + 1);
  });
});

/** APOLLO's formulas, channel by channel, with the same random numbers as the updater draws. */
function apolloByHand(
  [rows, columns]: readonly [number, number],
  rank: number,
  scaling: 'channel' | 'tensor',
  scale: number,
  steps: number,
): Float64Array {
  const right = rows >= columns;
  const [larger, smaller] = right ? [rows, columns] : [columns, rows];
  const weight = Float64Array.from({ length: rows * columns }, weightAt);
  const at = (channel: number, i: number) => (right ? channel * columns + i : i * columns + channel);
  const m = new Float64Array(larger * rank);
  const v = new Float64Array(larger * rank);
  let last = 0;
  for (let step = 0; step < steps; step++) {
    const g = Float64Array.from({ length: rows * columns }, gradientAt(step));
    const p = gaussian(keyOf(Math.floor(step / 2)), rank, smaller);
    const before = new Float64Array(larger);
    const after = new Float64Array(larger);
    for (let channel = 0; channel < larger; channel++) {
      for (let k = 0; k < rank; k++) {
        let r = 0;
        for (let i = 0; i < smaller; i++) r += (p[k * smaller + i] * g[at(channel, i)]) / Math.sqrt(rank);
        const index = channel * rank + k;
        m[index] = 0.9 * m[index] + 0.1 * r;
        v[index] = 0.999 * v[index] + 0.001 * r * r;
        const u = m[index] / (1 - 0.9 ** (step + 1)) / (Math.sqrt(v[index] / (1 - 0.999 ** (step + 1))) + 1e-8);
        before[channel] += r * r;
        after[channel] += u * u;
      }
    }
    const sum = (values: Float64Array) => values.reduce((total, value) => total + value, 0);
    let norm = 0;
    const s = new Float64Array(g.length);
    for (let channel = 0; channel < larger; channel++) {
      const [r, u] = scaling === 'tensor' ? [sum(before), sum(after)] : [before[channel], after[channel]];
      for (let i = 0; i < smaller; i++) {
        s[at(channel, i)] = (g[at(channel, i)] * Math.sqrt(u)) / (Math.sqrt(r) + 1e-8);
        norm += s[at(channel, i)] ** 2;
      }
    }
    const growth = Math.sqrt(norm) / (last + 1e-8);
    const lambda = last > 0 ? Math.max(growth, 1.01) / 1.01 : 1;
    last = Math.sqrt(norm) / lambda;
    for (let i = 0; i < weight.length; i++) {
      weight[i] = (1 - learningRate * 0.1) * weight[i] - (learningRate * scale * s[i]) / lambda;
    }
  }
  return weight;
}

/** Key of the first parameter's random numbers: TF(TF(seed, (subspace, 0)), (epoch, 0)) with seed 3 and domain 8. */
function keyOf(epoch: number): RandomKey {
  return threefry(threefry([3, 0], 8, 0), epoch, 0);
}

function gaussian(key: RandomKey, rows: number, columns: number): Float64Array {
  return Float64Array.from({ length: rows * columns }, (_, index) => {
    const [i, j] = [Math.floor(index / columns), index % columns];
    const [word0, word1] = threefry(key, i, Math.floor(j / 2));
    const angle = 2 * Math.PI * uniform(word1);
    return Math.sqrt(-2 * Math.log(uniform(word0))) * (j % 2 === 0 ? Math.cos(angle) : Math.sin(angle));
  });
}

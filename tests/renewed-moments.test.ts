import { describe, expect, it } from 'vitest';
import { type Engine, openEngine, type Tensor } from '../src/engine/index.js';
import { createReferenceEngine } from '../src/engine/reference/reference-engine.js';
import { type ProjectionFamily, Projections, type Sketch, squaredError } from '../src/keep/index.js';
import { Optimizer, type UpdateRule } from '../src/optim/index.js';
import { Parameter } from '../src/tape/index.js';
import { normalNumbers } from './contract/operands.js';
import { fixedProjection } from './support/fixed-projection.js';
import { adamSettings, relativeError } from './support/tiny.js';
import { engineHere } from './support/training.js';

const gap = 3;
const [n, m, rank] = [6, 5, 2];
const sketch: Sketch = { group: 0, inputSize: n, rank, family: 'gaussian' };
const p = Float64Array.from({ length: n * rank }, (_, i) => Math.cos(1.7 * i + 0.3));
type Moments = NonNullable<UpdateRule['moments']>;
const keep: Moments = { first: 'keep', second: 'keep', warmRestart: null, staggered: false, updateGap: gap };

function makeWeight(engine: Engine): Parameter {
  const tensor = engine.allocate({ shape: [m, n], role: 'weight', name: 'w' });
  engine.write(
    tensor,
    Float64Array.from({ length: m * n }, (_, i) => Math.sin(i)),
  );
  return new Parameter('w', tensor);
}

function makeOptimizer(engine: Engine, parameter: Parameter, moments: Moments | undefined) {
  return new Optimizer(engine, [parameter], {
    seed: 0,
    settings: adamSettings,
    rules: () => ({ update: { name: 'adamw' }, sketch, scale: 0.25, ...(moments && { moments }) }),
    projections: fixedProjection(engine, p),
  });
}

function step(engine: Engine, optimizer: Optimizer, parameter: Parameter, at: number, counted: number): void {
  parameter.gradient = engine.allocate({ shape: [rank, m], role: 'gradient', name: 'w' });
  engine.write(
    parameter.gradient,
    Float64Array.from({ length: rank * m }, (_, i) => Math.cos(at + 0.7 * i)),
  );
  optimizer.update(parameter, { step: counted, learningRate: 0.01 });
}

async function train(moments: Moments | undefined, steps: number): Promise<Float64Array> {
  using engine = createReferenceEngine();
  const parameter = makeWeight(engine);
  using optimizer = makeOptimizer(engine, parameter, moments);
  for (let t = 0; t < steps; t++) step(engine, optimizer, parameter, t, t);
  return Float64Array.from(await engine.read(parameter.tensor));
}

describe('moments that are reset with the projection', () => {
  it('both: are a new optimizer every T steps, the random-subspace scheme', async () => {
    using engine = createReferenceEngine();
    const parameter = makeWeight(engine);
    for (let t = 0; t < 10; t += gap) {
      using optimizer = makeOptimizer(engine, parameter, undefined);
      for (let since = 0; since < gap && t + since < 10; since++) step(engine, optimizer, parameter, t + since, since);
    }
    const expected = Float64Array.from(await engine.read(parameter.tensor));
    const found = await train({ ...keep, first: 'reset', second: 'reset' }, 10);
    expect(relativeError(found, expected)).toBeLessThan(1e-14);
  });

  it('the first alone: has its own bias correction, M̂ = M/(1 − β1^(τ+1)), and the second goes on', async () => {
    const expected = Float64Array.from({ length: m * n }, (_, i) => Math.sin(i));
    const first = new Float64Array(rank * m);
    const second = new Float64Array(rank * m);
    for (let t = 0; t < 8; t++) {
      const since = t % gap;
      if (since === 0) first.fill(0);
      for (let index = 0; index < first.length; index++) {
        const g = Math.cos(t + 0.7 * index);
        first[index] = 0.9 * first[index] + 0.1 * g;
        second[index] = 0.999 * second[index] + 0.001 * g * g;
        const v = second[index] / (1 - 0.999 ** (t + 1));
        const u = first[index] / (1 - 0.9 ** (since + 1)) / (Math.sqrt(v) + 1e-8);
        const [k, j] = [Math.floor(index / m), index % m];
        for (let i = 0; i < n; i++) expected[j * n + i] -= 0.01 * 0.25 * p[i * rank + k] * u;
      }
    }
    expect(relativeError(await train({ ...keep, first: 'reset' }, 8), expected)).toBeLessThan(1e-13);
  });

  it('differ from those that are kept', async () => {
    const kept = await train(undefined, 8);
    expect(await train(keep, 8)).toEqual(kept);
    expect(await train({ ...keep, first: 'reset' }, 8)).not.toEqual(kept);
  });
});

describe('a warm restart', () => {
  it('lets updates grow over w steps after each change', async () => {
    const [none, full, warm] = [
      await train(undefined, 0),
      await train(keep, 1),
      await train({ ...keep, warmRestart: 4 }, 1),
    ];
    const [whole, quarter] = [full, warm].map((after) => after.map((value, i) => value - none[i]));
    expect(
      relativeError(
        quarter,
        whole.map((value) => value / 4),
      ),
    ).toBeLessThan(1e-12);
    const [before, beforeWarm] = [await train(keep, gap - 1), await train({ ...keep, warmRestart: 2 }, gap - 1)];
    const [after, afterWarm] = [await train(keep, gap), await train({ ...keep, warmRestart: 2 }, gap)];
    const grown = after.map((value, i) => value - before[i]);
    expect(
      relativeError(
        afterWarm.map((value, i) => value - beforeWarm[i]),
        grown,
      ),
    ).toBeLessThan(1e-12);
  });
});

describe('transported moments', () => {
  /** P·M for M [r, columns], as rows of n. */
  function expanded(engine: Engine, projections: Projections, wide: Sketch, moment: Tensor): Tensor {
    const out = engine.allocate({ shape: [moment.shape[1], wide.inputSize], role: 'activation', name: 'test' });
    engine.run('fill', { out, value: 0 });
    projections.expand(wide, moment, out);
    return out;
  }

  it.each<[ProjectionFamily, (ratio: number) => number]>([
    ['orthonormal', (ratio) => Math.sqrt(ratio)],
    ['srht', (ratio) => Math.sqrt(ratio)],
    ['gaussian', (ratio) => Math.sqrt(ratio / (1 + ratio))],
    ['sparse', (ratio) => Math.sqrt(ratio / (1 + ratio))],
  ])('with %s projections keep the part of their direction that theory says', async (family, cosine) => {
    using engine = await openEngine(engineHere, { threads: 1 });
    const [width, columns] = [256, 64];
    const wide: Sketch = { group: 2, inputSize: width, rank: 64, family };
    using projections = new Projections(engine, 11, 10, [wide]);
    const moment = engine.allocate({ shape: [wide.rank, columns], role: 'optimizer', name: 'test' });
    engine.write(moment, normalNumbers([4, 4], wide.rank * columns, 1, 0));
    const before = expanded(engine, projections, wide, moment);
    projections.setStep(10);
    projections.transport(wide, moment);
    const after = expanded(engine, projections, wide, moment);
    const [a, b] = [await engine.read(before), await engine.read(after)];
    let [dot, aa, bb] = [0, 0, 0];
    for (let i = 0; i < a.length; i++) {
      dot += a[i] * b[i];
      aa += a[i] ** 2;
      bb += b[i] ** 2;
    }
    expect(Math.abs(dot / Math.sqrt(aa * bb) / cosine(1 / 4) - 1)).toBeLessThan(0.05);
    // The factor of least squared error leaves 1/(1 + e²) of the square, not more than there was.
    expect(Math.abs(bb / aa / (1 / (1 + squaredError(wide))) - 1)).toBeLessThan(0.1);
    for (const tensor of [moment, before, after]) engine.release(tensor);
  });
});

import { describe, expect, it } from 'vitest';
import { openEngine } from '../src/engine/index.js';
import { createReferenceEngine } from '../src/engine/reference/reference-engine.js';
import { blockAge, Projections, type Sketch, squaredError, staggeredBlocks } from '../src/keep/index.js';
import { Optimizer } from '../src/optim/index.js';
import { Parameter } from '../src/tape/index.js';
import { normalNumbers } from './contract/operands.js';
import { fixedProjection } from './support/fixed-projection.js';
import { adamSettings, relativeError } from './support/tiny.js';
import { engineHere } from './support/training.js';

describe('staggered directions', () => {
  it('are divided into blocks whose turns are spread over the gap', () => {
    for (const [rank, gap] of [
      [43, 50],
      [4, 4],
      [3, 50],
      [16, 1],
    ]) {
      const blocks = staggeredBlocks(rank, gap);
      expect(blocks.length).toBe(Math.min(8, rank, gap));
      expect(blocks.reduce((sum, { count }) => sum + count, 0)).toBe(rank);
      expect(new Set(blocks.map(({ offset }) => offset)).size).toBe(blocks.length);
      for (const block of blocks) {
        const changes = Array.from({ length: 2 * gap }, (_, t) => t).filter(
          (t) => t > 0 && blockAge(block, t, gap) === 0,
        );
        expect(changes.length, 'each block changes once in every gap').toBe(block.offset === 0 ? 1 : 2);
      }
    }
  });

  it('stay as they are until the turn of their block', async () => {
    using engine = createReferenceEngine();
    const [n, rank, gap] = [12, 6, 6];
    const sketch: Sketch = { group: 1, inputSize: n, rank, family: 'gaussian', staggered: true };
    using projections = new Projections(engine, 4, gap, [sketch]);
    const identity = engine.allocate({ shape: [n, n], role: 'activation', name: 'identity' });
    engine.write(
      identity,
      Float64Array.from({ length: n * n }, (_, at) => (at % (n + 1) === 0 ? 1 : 0)),
    );
    const p = engine.allocate({ shape: [n, rank], role: 'activation', name: 'p' });
    const at = async (step: number) => {
      projections.setStep(step);
      projections.project(sketch, identity, p);
      return Float64Array.from(await engine.read(p));
    };
    let before = await at(0);
    for (let step = 1; step < 13; step++) {
      const now = await at(step);
      for (const block of staggeredBlocks(rank, gap)) {
        const same = Array.from(
          { length: n },
          (_, i) => now[i * rank + block.begin] === before[i * rank + block.begin],
        );
        expect(same.every(Boolean), `block ${block.index} in step ${step}`).toBe(blockAge(block, step, gap) !== 0);
        expect(same.some(Boolean)).toBe(same.every(Boolean));
      }
      before = now;
    }
  });

  it('have the error of other Gaussian projections at any time', async () => {
    using engine = await openEngine(engineHere, { threads: 1 });
    const [n, rank, rows, draws] = [128, 32, 32, 40];
    const sketch: Sketch = { group: 0, inputSize: n, rank, family: 'gaussian', staggered: true };
    const tensor = (shape: readonly number[]) => engine.allocate({ shape, role: 'activation', name: 'test' });
    const [x, z, u, out] = [tensor([rows, n]), tensor([rows, rank]), tensor([rank, rows]), tensor([rows, n])];
    const gradient = normalNumbers([n, 3], rows * n, 1, 0);
    engine.write(x, gradient);
    let squared = 0;
    for (let seed = 0; seed < draws; seed++) {
      using projections = new Projections(engine, seed, 10, [sketch]);
      projections.setStep(7);
      projections.project(sketch, x, z);
      const values = await engine.read(z);
      engine.write(
        u,
        Float64Array.from({ length: rank * rows }, (_, i) => values[(i % rows) * rank + Math.floor(i / rows)]),
      );
      engine.run('fill', { out, value: 0 });
      projections.expand(sketch, u, out);
      squared += relativeError(Float64Array.from(await engine.read(out)), gradient) ** 2 / draws;
    }
    expect(Math.abs(squared / squaredError(sketch) - 1)).toBeLessThan(0.04);
  });
});

describe('moments of staggered directions', () => {
  it('start again with their block: M from 0 with its own correction, V from the row that changes next', async () => {
    using engine = createReferenceEngine();
    const [n, m, rank, gap] = [6, 5, 4, 4];
    const p = Float64Array.from({ length: n * rank }, (_, i) => Math.cos(1.7 * i + 0.3));
    const sketch: Sketch = { group: 0, inputSize: n, rank, family: 'gaussian', staggered: true };
    const tensor = engine.allocate({ shape: [m, n], role: 'weight', name: 'w' });
    const expected = Float64Array.from({ length: m * n }, (_, i) => Math.sin(i));
    engine.write(tensor, expected);
    const parameter = new Parameter('w', tensor);
    using optimizer = new Optimizer(engine, [parameter], {
      seed: 0,
      settings: adamSettings,
      rules: () => ({
        ...{ update: { name: 'adamw' }, sketch, scale: 0.25 },
        moments: { first: 'keep', second: 'keep', warmRestart: null, staggered: true, updateGap: gap },
      }),
      projections: fixedProjection(engine, p),
    });
    const first = new Float64Array(rank * m);
    const second = new Float64Array(rank * m);
    for (let t = 0; t < 11; t++) {
      const g = Float64Array.from({ length: rank * m }, (_, i) => Math.cos(t + 0.7 * i));
      parameter.gradient = engine.allocate({ shape: [rank, m], role: 'gradient', name: 'w' });
      engine.write(parameter.gradient, g);
      optimizer.update(parameter, { step: t, learningRate: 0.01 });
      // Four blocks of one row each; block k changes where (t + k) is a multiple of four.
      for (let k = 0; k < rank; k++) {
        const changed = t > 0 && (t + k) % gap === 0;
        const since = changed ? 0 : Math.min(t, (t + k) % gap);
        for (let j = 0; j < m; j++) {
          const at = k * m + j;
          if (changed) first[at] = 0;
          if (changed) second[at] = second[((k + 1) % rank) * m + j];
          first[at] = 0.9 * first[at] + 0.1 * g[at];
          second[at] = 0.999 * second[at] + 0.001 * g[at] ** 2;
          const v = second[at] / (1 - 0.999 ** (t + 1));
          const direction = first[at] / (1 - 0.9 ** (since + 1)) / (Math.sqrt(v) + 1e-8);
          for (let i = 0; i < n; i++) expected[j * n + i] -= 0.01 * 0.25 * p[i * rank + k] * direction;
        }
      }
    }
    expect(relativeError(Float64Array.from(await engine.read(tensor)), expected)).toBeLessThan(1e-13);
    engine.release(tensor);
  });
});

import { describe, expect, it } from 'vitest';
import type { Engine } from '../src/engine/index.js';
import { createReferenceEngine } from '../src/engine/reference/reference-engine.js';
import { type ProjectionFamily, Projections, projectionFamilies, type Sketch } from '../src/keep/index.js';
import { Llama } from '../src/models/index.js';
import { Optimizer } from '../src/optim/index.js';
import { type MemoryPlan, resolvePlan } from '../src/plan/index.js';
import { Parameter } from '../src/tape/index.js';
import { fixedProjection } from './support/fixed-projection.js';
import {
  adamSettings,
  gradientOf,
  type Pass,
  relativeError,
  runPass,
  tinyBatch,
  tinyConfig,
  tinyPlan,
} from './support/tiny.js';

const host = [tinyBatch(tinyConfig, 2, 12)];
const sketchedName = /\.(q|k|v|gate|up|down)_proj\.weight$/;
const exactPlan = tinyPlan('lean', tinyConfig);

/** The projection of every sketched weight, as rows of numbers. */
async function projectionsOf(
  plan: MemoryPlan,
  seed: number,
): Promise<Map<string, { p: Float64Array; sketch: Sketch }>> {
  using engine = createReferenceEngine();
  using model = new Llama(engine, tinyConfig, 4);
  const resolved = resolvePlan(plan, model);
  using projections = new Projections(engine, seed, 50, resolved.sketches);
  const found = new Map<string, { p: Float64Array; sketch: Sketch }>();
  for (const parameter of model.parameters) {
    const sketch = resolved.sketchOf(parameter);
    if (!sketch) continue;
    const tensors: Promise<ArrayLike<number>>[] = [];
    projections.with(sketch, (p) => tensors.push(engine.read(p)));
    found.set(parameter.name, { p: Float64Array.from(await tensors[0]), sketch });
  }
  return found;
}

/** Pᵀ·G for a gradient stored [out, in]: [r, out]. */
function projected({ p, sketch }: { p: Float64Array; sketch: Sketch }, gradient: Float64Array): Float64Array {
  const { inputSize: n, rank } = sketch;
  const m = gradient.length / n;
  const out = new Float64Array(rank * m);
  for (let k = 0; k < rank; k++) {
    for (let j = 0; j < m; j++) {
      let sum = 0;
      for (let i = 0; i < n; i++) sum += p[i * rank + k] * gradient[j * n + i];
      out[k * m + j] = sum;
    }
  }
  return out;
}

function expectSame(a: Pass, b: Pass, names: RegExp | 'all' = 'all') {
  expect(a.loss).toBe(b.loss);
  for (const [name, gradient] of b.gradients) {
    if (names === 'all' || names.test(name)) expect(gradientOf(a, name), name).toEqual(gradient);
  }
}

const variants: [string, MemoryPlan][] = projectionFamilies.flatMap((projection: ProjectionFamily) =>
  (['forward', 'backward'] as const).flatMap((sketchWhen) =>
    (['compact', 'compact-shared', 'compact-down'] as const).map((method): [string, MemoryPlan] => [
      `${method}, ${projection}, in ${sketchWhen}`,
      tinyPlan(method, tinyConfig, { projection, sketchWhen }),
    ]),
  ),
);

describe.each(variants)('CompAct (%s)', (_, plan) => {
  it('leaves outputs and input gradients exact: all other gradients equal full training bit for bit', async () => {
    const engine = createReferenceEngine();
    const exact = await runPass(engine, tinyConfig, exactPlan, host);
    const compact = await runPass(engine, tinyConfig, plan, host);
    expect(compact.loss).toBe(exact.loss);
    for (const [name, gradient] of exact.gradients) {
      const sketched = plan.methods.includes('compact-down') ? /down_proj/.test(name) : sketchedName.test(name);
      if (!sketched) expect(gradientOf(compact, name), name).toEqual(gradient);
    }
  });

  it('has the compressed gradient Ĝ = Pᵀ·G of the regenerated P', async () => {
    const engine = createReferenceEngine();
    const exact = await runPass(engine, tinyConfig, exactPlan, host, { seed: 5 });
    const compact = await runPass(engine, tinyConfig, plan, host, { seed: 5 });
    const projections = await projectionsOf(plan, 5);
    expect(projections.size).toBe(plan.methods.includes('compact-down') ? 2 : 12);
    for (const [name, projection] of projections) {
      const expected = projected(projection, gradientOf(exact, name));
      expect(relativeError(gradientOf(compact, name), expected), name).toBeLessThan(1e-12);
    }
  });
});

describe('CompAct', () => {
  it('gives the same gradients whether the sketch is formed in forward or in backward', async () => {
    const engine = createReferenceEngine();
    for (const method of ['compact', 'compact-shared']) {
      const early = await runPass(engine, tinyConfig, tinyPlan(method, tinyConfig, { sketchWhen: 'forward' }), host);
      const late = await runPass(engine, tinyConfig, tinyPlan(method, tinyConfig), host);
      expectSame(late, early);
      const checkpoint = await runPass(engine, tinyConfig, tinyPlan(`${method},checkpoint`, tinyConfig), host);
      expectSame(checkpoint, early);
    }
  });

  it('adds up over micro-batches: the gradient of two halves is that of the whole', async () => {
    const engine = createReferenceEngine();
    const plan = tinyPlan('compact', tinyConfig);
    const [whole] = host;
    const half = (from: number) => ({
      ...whole,
      batch: 1,
      inputs: whole.inputs.slice(from * 12, (from + 1) * 12),
      targets: whole.targets.slice(from * 12, (from + 1) * 12),
    });
    const together = await runPass(engine, tinyConfig, plan, host);
    const apart = await runPass(engine, tinyConfig, plan, [half(0), half(1)]);
    for (const [name, gradient] of together.gradients) {
      expect(relativeError(gradientOf(apart, name), gradient), name).toBeLessThan(1e-12);
    }
  });

  it('is unbiased: the mean of P·Ĝ over R seeds tends to G with the error √((n+1)/(rR)) that theory says', async () => {
    const engine = createReferenceEngine();
    const name = 'model.layers.0.mlp.up_proj.weight';
    const plan = tinyPlan('compact', tinyConfig, { rank: { absolute: 16 } });
    const exact = gradientOf(await runPass(engine, tinyConfig, exactPlan, host), name);
    const seeds = 200;
    const mean = new Float64Array(exact.length);
    for (let seed = 0; seed < seeds; seed++) {
      const projection = (await projectionsOf(plan, 1000 + seed)).get(name);
      if (!projection) throw new Error('not sketched');
      const compressed = projected(projection, exact);
      const m = exact.length / 64;
      for (let j = 0; j < m; j++) {
        for (let i = 0; i < 64; i++) {
          let lifted = 0;
          for (let k = 0; k < 16; k++) lifted += projection.p[i * 16 + k] * compressed[k * m + j];
          mean[j * 64 + i] += lifted / seeds;
        }
      }
    }
    const theory = Math.sqrt(65 / 16 / seeds);
    expect(relativeError(mean, exact) / theory).toBeGreaterThan(0.85);
    expect(relativeError(mean, exact) / theory).toBeLessThan(1.15);
  });

  it('the shared sketch is CompAct on the concatenated weight: members share one P', async () => {
    const projections = await projectionsOf(tinyPlan('compact-shared', tinyConfig), 3);
    const p = (name: string) => projections.get(`model.layers.0.${name}.weight`)?.p;
    expect(p('self_attn.k_proj')).toEqual(p('self_attn.q_proj'));
    expect(p('self_attn.v_proj')).toEqual(p('self_attn.q_proj'));
    expect(p('mlp.up_proj')).toEqual(p('mlp.gate_proj'));
    expect(p('mlp.gate_proj')).not.toEqual(p('self_attn.q_proj'));
    const separate = await projectionsOf(tinyPlan('compact', tinyConfig), 3);
    const all = [...separate.values()].map(({ p: values }) => values.join());
    expect(new Set(all).size).toBe(12);
  });

  it('orthonormal projections have orthonormal columns of length √(n/r)', async () => {
    for (const { p, sketch } of (
      await projectionsOf(tinyPlan('compact', tinyConfig, { projection: 'orthonormal' }), 2)
    ).values()) {
      const { inputSize: n, rank: r } = sketch;
      for (let a = 0; a < r; a++) {
        for (let b = 0; b <= a; b++) {
          let dot = 0;
          for (let i = 0; i < n; i++) dot += p[i * r + a] * p[i * r + b];
          expect(Math.abs(dot - (a === b ? n / r : 0))).toBeLessThan(1e-10);
        }
      }
    }
  });
});

function identity(n: number): Float64Array {
  return Float64Array.from({ length: n * n }, (_, index) => (Math.floor(index / n) === index % n ? 1 : 0));
}

/** Steps of AdamW on one weight [out, in] with gradients dW = DᵀX that depend on the weight itself. */
async function trainOneLayer(
  engine: Engine,
  steps: number,
  sketch: Sketch | undefined,
  p: Float64Array | undefined,
  scale: number,
): Promise<Float64Array> {
  const [n, m] = [6, 5];
  const tensor = engine.allocate({ shape: [m, n], role: 'weight', name: 'w' });
  engine.write(
    tensor,
    Float64Array.from({ length: m * n }, (_, i) => Math.sin(i)),
  );
  const parameter = new Parameter('w', tensor);
  const optimizer = new Optimizer(engine, [parameter], {
    seed: 0,
    settings: adamSettings,
    rules: () => ({ update: { name: 'adamw' }, sketch, scale }),
    projections: fixedProjection(engine, p ?? new Float64Array()),
  });
  for (let step = 0; step < steps; step++) {
    const weight = Float64Array.from(await engine.read(tensor));
    const dense = weight.map((value, i) => Math.cos(3 * value + i + step));
    const shape = sketch ? [sketch.rank, m] : [m, n];
    parameter.gradient = engine.allocate({ shape, role: 'gradient', name: 'w' });
    engine.write(parameter.gradient, sketch && p ? projected({ p, sketch }, dense) : dense);
    optimizer.update(parameter, { step, learningRate: 0.01 });
  }
  const result = Float64Array.from(await engine.read(tensor));
  optimizer[Symbol.dispose]();
  engine.release(tensor);
  expect(engine.ledger.live).toBe(0);
  return result;
}

describe('the compressed update', () => {
  it('with r = n and P = I equals ordinary AdamW', async () => {
    const engine = createReferenceEngine();
    const sketch: Sketch = { group: 0, inputSize: 6, rank: 6, family: 'gaussian' };
    const full = await trainOneLayer(engine, 20, undefined, undefined, 1);
    const compact = await trainOneLayer(engine, 20, sketch, identity(6), 1);
    expect(relativeError(compact, full)).toBeLessThan(1e-14);
  });

  it('with T = ∞ equals LoRA-FA with A = P frozen, B trained by Adam at the rate lr·α, over 30 steps', async () => {
    const engine = createReferenceEngine();
    const [n, m, rank, alpha] = [6, 5, 3, 0.25];
    const sketch: Sketch = { group: 0, inputSize: n, rank, family: 'gaussian' };
    const p = Float64Array.from({ length: n * rank }, (_, i) => Math.cos(1.7 * i + 0.3));
    const compact = await trainOneLayer(engine, 30, sketch, p, alpha);
    // LoRA-FA by hand: W = W0 + (P·B)ᵀ, dB = Pᵀ·G.
    const start = Float64Array.from({ length: m * n }, (_, i) => Math.sin(i));
    const b = new Float64Array(rank * m);
    const first = new Float64Array(rank * m);
    const second = new Float64Array(rank * m);
    const weight = () =>
      start.map((value, index) => {
        const [j, i] = [Math.floor(index / n), index % n];
        let lifted = 0;
        for (let k = 0; k < rank; k++) lifted += p[i * rank + k] * b[k * m + j];
        return value + lifted;
      });
    for (let step = 0; step < 30; step++) {
      const gradient = projected(
        { p, sketch },
        weight().map((value, i) => Math.cos(3 * value + i + step)),
      );
      for (let i = 0; i < b.length; i++) {
        first[i] = 0.9 * first[i] + 0.1 * gradient[i];
        second[i] = 0.999 * second[i] + 0.001 * gradient[i] ** 2;
        const corrected = first[i] / (1 - 0.9 ** (step + 1));
        b[i] -= (0.01 * alpha * corrected) / (Math.sqrt(second[i] / (1 - 0.999 ** (step + 1))) + 1e-8);
      }
    }
    expect(relativeError(compact, weight())).toBeLessThan(1e-12);
  });
});

import { describe, expect, it } from 'vitest';
import { fixedProjection } from '../../tests/support/fixed-projection.js';
import type { Tensor } from '../engine/index.js';
import { createReferenceEngine } from '../engine/reference/reference-engine.js';
import type { ProjectionSource, Sketch } from '../keep/index.js';
import { Parameter } from '../tape/index.js';
import { Optimizer } from './optimizer.js';
import type { AdamWSettings } from './settings.js';

const settings: AdamWSettings = { beta1: 0.9, beta2: 0.99, epsilon: 1e-3, epsilonForm: 'standard', weightDecay: 0 };
const learningRate = 0.02;
const steps = 25;

/** A gradient that depends on step and place, of very different sizes. */
const gradientAt = (step: number, i: number) => Math.cos(step + 0.7 * i) * 10 ** ((i % 4) - 2);
const weightAt = (i: number) => Math.sin(1 + i);

/** Where nothing is updated or sketched, nothing may be projected. */
const untouched: ProjectionSource = {
  project: () => expect.unreachable(),
  transport: () => expect.unreachable(),
  expand: () => expect.unreachable(),
};

interface Run {
  readonly settings?: Partial<AdamWSettings>;
  readonly shape?: readonly number[];
  readonly scale?: number;
  readonly gradientScale?: number;
  readonly sketch?: Sketch;
  readonly projection?: Float64Array;
}

/** Steps on the engine; the weight, and both moments. */
async function onEngine({ shape = [2, 4], scale = 1, gradientScale, sketch, projection, ...run }: Run) {
  using engine = createReferenceEngine();
  const upload = (
    name: string,
    role: 'weight' | 'gradient' | 'projection',
    of: readonly number[],
    values: Float64Array,
  ) => {
    const tensor = engine.allocate({ shape: of, role, name });
    engine.write(tensor, values);
    return tensor;
  };
  const size = shape.reduce((product, extent) => product * extent, 1);
  const parameter = new Parameter(
    'w',
    upload(
      'w',
      'weight',
      shape,
      Float64Array.from({ length: size }, (_, i) => weightAt(i)),
    ),
  );
  const projections = fixedProjection(engine, projection ?? new Float64Array());
  let scaleTensor: Tensor | undefined;
  if (gradientScale !== undefined) scaleTensor = upload('clip', 'gradient', [1], Float64Array.of(gradientScale));
  const optimizer = new Optimizer(engine, [parameter], {
    seed: 0,
    settings: { ...settings, ...run.settings },
    rules: () => ({ update: { name: 'adamw' }, sketch, scale }),
    projections,
  });
  const gradientShape = sketch ? [sketch.rank, shape[0]] : shape;
  for (let step = 0; step < steps; step++) {
    const length = gradientShape[0] * (gradientShape[1] ?? 1);
    parameter.gradient = upload(
      'g',
      'gradient',
      gradientShape,
      Float64Array.from({ length }, (_, i) => gradientAt(step, i)),
    );
    const held = engine.ledger.read().liveByRole.gradient;
    optimizer.update(parameter, { step, learningRate, ...(scaleTensor && { gradientScale: scaleTensor }) });
    expect(parameter.gradient).toBeUndefined();
    expect(held - engine.ledger.read().liveByRole.gradient, 'the gradient is freed').toBe(4 * length);
  }
  const names = [...optimizer.state().keys()];
  expect(names).toEqual(['w.exp_avg', 'w.exp_avg_sq']);
  const weight = Float64Array.from(await engine.read(parameter.tensor));
  optimizer[Symbol.dispose]();
  engine.release(parameter.tensor);
  if (scaleTensor) engine.release(scaleTensor);
  expect(engine.ledger.live).toBe(0);
  return weight;
}

/** Adam's directions by hand: for each step and element, U = M̂/(√V̂ + ε) or its other form. */
function directions(length: number, { epsilon, epsilonForm, beta1, beta2 }: AdamWSettings, factor = 1): number[][] {
  const m = new Float64Array(length);
  const v = new Float64Array(length);
  return Array.from({ length: steps }, (_, step) =>
    Array.from({ length }, (_, i) => {
      const g = factor * gradientAt(step, i);
      m[i] = beta1 * m[i] + (1 - beta1) * g;
      v[i] = beta2 * v[i] + (1 - beta2) * g * g;
      const c1 = 1 - beta1 ** (step + 1);
      const c2 = 1 - beta2 ** (step + 1);
      if (epsilonForm === 'standard') return m[i] / c1 / (Math.sqrt(v[i] / c2) + epsilon);
      return ((Math.sqrt(c2) / c1) * m[i]) / (Math.sqrt(v[i]) + epsilon);
    }),
  );
}

function byHand(length: number, given: AdamWSettings, { scale = 1, decays = true, factor = 1 } = {}): Float64Array {
  const weight = Float64Array.from({ length }, (_, i) => weightAt(i));
  for (const u of directions(length, given, factor)) {
    for (let i = 0; i < length; i++) {
      if (decays) weight[i] *= 1 - learningRate * given.weightDecay;
      weight[i] -= learningRate * scale * u[i];
    }
  }
  return weight;
}

/** Both work in float64: what differs is the order of a few operations per step. */
function expectSame(found: Float64Array, expected: Float64Array) {
  for (const [i, value] of expected.entries()) expect(Math.abs(found[i] - value)).toBeLessThan(1e-13);
}

describe('AdamW agrees with a computation by hand', () => {
  it.each(['standard', 'uncorrected'] as const)('with ε in the form "%s"', async (epsilonForm) => {
    expectSame(await onEngine({ settings: { epsilonForm } }), byHand(8, { ...settings, epsilonForm }));
  });

  it('whose two forms of ε differ', () => {
    expect(byHand(8, { ...settings, epsilonForm: 'uncorrected' })).not.toEqual(byHand(8, settings));
  });

  it('with decay of matrices, W ← (1 − lr·λ)·W, not scaled with the update', async () => {
    const decaying = { ...settings, weightDecay: 0.3 };
    expectSame(await onEngine({ settings: { weightDecay: 0.3 } }), byHand(8, decaying));
    expectSame(await onEngine({ settings: { weightDecay: 0.3 }, scale: 0.125 }), byHand(8, decaying, { scale: 0.125 }));
  });

  it('without decay of vectors', async () => {
    const decaying = { ...settings, weightDecay: 0.3 };
    expectSame(await onEngine({ settings: { weightDecay: 0.3 }, shape: [8] }), byHand(8, decaying, { decays: false }));
  });

  it('with gradients scaled before the moments, as clipping does', async () => {
    expectSame(await onEngine({ gradientScale: 0.01 }), byHand(8, settings, { factor: 0.01 }));
  });
});

describe('AdamW on a compressed gradient', () => {
  // W [out 3, in 4], P [4, 2], gradient and moments [2, 3].
  const sketch: Sketch = { group: 0, inputSize: 4, rank: 2, family: 'gaussian' };
  const projection = Float64Array.from({ length: 8 }, (_, i) => Math.cos(2 * i + 1));

  it.each(['standard', 'uncorrected'] as const)(
    'updates W ← (1 − lr·λ)·W − lr·α·(P·U)ᵀ, ε "%s"',
    async (epsilonForm) => {
      const given = { ...settings, epsilonForm, weightDecay: 0.3 };
      const alpha = 0.25;
      const weight = Float64Array.from({ length: 12 }, (_, i) => weightAt(i));
      for (const u of directions(6, given, 0.5)) {
        for (let out = 0; out < 3; out++) {
          for (let input = 0; input < 4; input++) {
            const lifted = projection[input * 2] * u[out] + projection[input * 2 + 1] * u[3 + out];
            const at = out * 4 + input;
            weight[at] = (1 - learningRate * 0.3) * weight[at] - learningRate * alpha * lifted;
          }
        }
      }
      const found = await onEngine({
        settings: given,
        shape: [3, 4],
        scale: alpha,
        gradientScale: 0.5,
        sketch,
        projection,
      });
      expectSame(found, weight);
    },
  );

  it('has moments of the gradient’s size only', () => {
    using engine = createReferenceEngine();
    const make = (name: string, trainable = true) =>
      new Parameter(name, engine.allocate({ shape: [30, 40], role: 'weight', name }), trainable);
    const parameters = [make('dense'), make('sketched'), make('frozen', false)];
    const wide: Sketch = { group: 0, inputSize: 40, rank: 5, family: 'gaussian' };
    using optimizer = new Optimizer(engine, parameters, {
      seed: 0,
      settings,
      rules: ({ name }) => ({ update: { name: 'adamw' }, sketch: name === 'sketched' ? wide : undefined, scale: 1 }),
      projections: untouched,
    });
    expect([...optimizer.state()].map(([name, { shape }]) => [name, shape])).toEqual([
      ['dense.exp_avg', [30, 40]],
      ['dense.exp_avg_sq', [30, 40]],
      ['sketched.exp_avg', [5, 30]],
      ['sketched.exp_avg_sq', [5, 30]],
    ]);
    expect(engine.ledger.read().liveByRole.optimizer).toBe(2 * 4 * (30 * 40 + 5 * 30));
  });
});

describe('AdamW leaves alone', () => {
  it('a parameter that got no gradient', async () => {
    using engine = createReferenceEngine();
    const tensor = engine.allocate({ shape: [3], role: 'weight', name: 'w' });
    engine.write(tensor, Float64Array.of(1, 2, 3));
    const parameter = new Parameter('w', tensor);
    using optimizer = new Optimizer(engine, [parameter], {
      seed: 0,
      settings,
      rules: () => ({ update: { name: 'adamw' }, sketch: undefined, scale: 1 }),
      projections: untouched,
    });
    optimizer.update(parameter, { step: 0, learningRate });
    expect([...(await engine.read(tensor))]).toEqual([1, 2, 3]);
  });
});

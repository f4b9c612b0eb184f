import { describe, expect, it } from 'vitest';
import { type Engine, type FloatType, type Tensor, threefry } from '../../engine/index.js';
import { createReferenceEngine } from '../../engine/reference/reference-engine.js';
import type { Direction, GradientSpace } from '../direction.js';
import type { AdamWSettings } from '../settings.js';
import { createDirection, type DirectionSpec } from '../update-spec.js';
import { adafactorDefaults } from './adafactor.js';
import { adam8bitDefaults } from './adam-8bit.js';
import { muonDefaults } from './muon.js';

const settings: AdamWSettings = { beta1: 0.9, beta2: 0.99, epsilon: 1e-6, epsilonForm: 'standard', weightDecay: 0 };
const steps = 12;

/** A gradient that depends on step and place, of different sizes. */
const gradientAt = (step: number, i: number) => Math.cos(step + 0.7 * i) * 10 ** ((i % 3) - 1);
const weightAt = (i: number) => 0.1 * Math.sin(1 + i);

interface Given {
  readonly shape?: readonly number[];
  readonly outputs?: 'rows' | 'columns';
  readonly gradient?: (step: number, i: number) => number;
  readonly gradientScale?: number;
  readonly gradientType?: FloatType;
}

function upload(
  engine: Engine,
  name: string,
  shape: readonly number[],
  value: (i: number) => number,
  dtype: FloatType = 'f32',
): Tensor {
  const tensor = engine.allocate({ shape, dtype, role: 'gradient', name });
  const size = shape.reduce((product, extent) => product * extent, 1);
  engine.write(
    tensor,
    Float64Array.from({ length: size }, (_, i) => value(i)),
  );
  return tensor;
}

/** The directions U of all steps, and what the state is called and how large it is. */
async function directionsOf(spec: DirectionSpec, given: Given = {}) {
  const { shape = [4, 6], outputs = 'rows', gradient = gradientAt, gradientScale, gradientType = 'f32' } = given;
  using engine = createReferenceEngine();
  const weight = upload(engine, 'w', shape, weightAt);
  const space: GradientSpace = { engine, name: 'w', shape, outputs, weight, settings, gradientType };
  const direction: Direction = createDirection(spec, space);
  const clip = gradientScale === undefined ? undefined : upload(engine, 'clip', [1], () => gradientScale);
  const found: Float64Array[] = [];
  for (let step = 0; step < steps; step++) {
    const g = upload(engine, 'g', shape, (i) => gradient(step, i), gradientType);
    direction.take(g, 1, { step, learningRate: 1, rounding: [3, step], ...(clip && { gradientScale: clip }) });
    found.push(Float64Array.from(await engine.read(g)));
    engine.release(g);
  }
  const state = [...direction.state].map(([name, tensor]) => `${name} ${tensor.dtype} [${tensor.shape}]`);
  const stateBytes = engine.ledger.read().liveByRole.optimizer;
  direction[Symbol.dispose]();
  for (const tensor of clip ? [weight, clip] : [weight]) engine.release(tensor);
  expect(engine.ledger.live, 'nothing is left').toBe(0);
  return { found, state, stateBytes };
}

function largestDifference(a: readonly Float64Array[], b: readonly Float64Array[]): number {
  return Math.max(...a.flatMap((values, step) => [...values].map((value, i) => Math.abs(value - b[step][i]))));
}

function rootMeanSquare(values: Float64Array): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
}

describe.each<DirectionSpec>([
  { name: 'adamw' },
  { name: 'sgd' },
  { ...adam8bitDefaults, minimumSize: 0 },
  { name: 'adam-mini', rowsPerBlock: 2 },
  adafactorDefaults,
  { ...adafactorDefaults, momentum: 0.9 },
  muonDefaults,
])('the direction of $name', (spec) => {
  it.each([[[4, 6]], [[6, 4]], [[7]]])(
    'for [%s] scales the gradient before anything else, as clipping does',
    async (shape) => {
      const scaled = await directionsOf(spec, { shape, gradient: (step, i) => 0.25 * gradientAt(step, i) });
      const { found } = await directionsOf(spec, { shape, gradientScale: 0.25 });
      expect(largestDifference(found, scaled.found)).toBeLessThan(1e-12);
    },
  );
});

describe('sgd', () => {
  it('goes along the gradient and keeps nothing', async () => {
    const { found, state, stateBytes } = await directionsOf({ name: 'sgd' });
    for (const [step, values] of found.entries()) {
      expect([...values]).toEqual(Array.from({ length: 24 }, (_, i) => gradientAt(step, i)));
    }
    expect(state).toEqual([]);
    expect(stateBytes).toBe(0);
  });
});

describe('adam8bit', () => {
  const spec = { ...adam8bitDefaults, minimumSize: 0, blockSize: 8 };

  it('has a byte per element and moment and a scale per block', async () => {
    const { state, stateBytes } = await directionsOf(spec, { shape: [3, 7] });
    expect(state).toEqual([
      'exp_avg.codes u8 [3,7]',
      'exp_avg.scales f32 [3]',
      'exp_avg_sq.codes u8 [3,7]',
      'exp_avg_sq.scales f32 [3]',
    ]);
    expect(stateBytes).toBe(2 * (21 + 4 * 3));
  });

  it('stays near Adam, whose first direction it has exactly', async () => {
    const exact = await directionsOf({ name: 'adamw' });
    const { found } = await directionsOf(spec);
    expect(largestDifference(found.slice(0, 1), exact.found)).toBeLessThan(1e-12);
    for (const [step, values] of found.entries()) {
      const error = values.map((value, i) => value - exact.found[step][i]);
      expect(rootMeanSquare(error) / rootMeanSquare(exact.found[step])).toBeLessThan(0.15);
    }
  });

  it('keeps small tensors in f32', async () => {
    const { found, state } = await directionsOf({ ...spec, minimumSize: 25 });
    expect(state).toEqual(['exp_avg f32 [4,6]', 'exp_avg_sq f32 [4,6]']);
    expect(found).toEqual((await directionsOf({ name: 'adamw' })).found);
  });
});

describe('adam-mini', () => {
  it('is Adam where the gradients of a block are of one size', async () => {
    const alike = (block: (i: number) => number) => (step: number, i: number) =>
      (i % 2 ? -1 : 1) * (1 + block(i)) * (1 + Math.cos(step));
    const cases = [
      { outputs: 'rows', rowsPerBlock: 1, block: (i: number) => Math.floor(i / 6) },
      { outputs: 'rows', rowsPerBlock: 2, block: (i: number) => Math.floor(i / 12) },
      { outputs: 'columns', rowsPerBlock: 1, block: (i: number) => i % 6 },
    ] as const;
    for (const { outputs, rowsPerBlock, block } of cases) {
      const given = { outputs, gradient: alike(block) };
      const exact = await directionsOf({ name: 'adamw' }, given);
      const { found } = await directionsOf({ name: 'adam-mini', rowsPerBlock }, given);
      expect(largestDifference(found, exact.found)).toBeLessThan(1e-12);
    }
  });

  it.each([
    [[4, 6], 'rows', 1, 4],
    [[4, 6], 'rows', 2, 2],
    [[4, 6], 'columns', 2, 6],
    [[7], 'rows', 2, 1],
  ] as const)(
    'for [%s] has one second moment per block: %s, %i rows each, %i in all',
    async (shape, outputs, rowsPerBlock, blocks) => {
      const { state } = await directionsOf({ name: 'adam-mini', rowsPerBlock }, { shape, outputs });
      expect(state).toEqual([`exp_avg f32 [${shape}]`, `exp_avg_sq f32 [${blocks}]`]);
    },
  );
});

describe('adafactor', () => {
  it('agrees with a computation by hand', async () => {
    const { found, state } = await directionsOf(adafactorDefaults);
    expect(state).toEqual(['exp_avg_sq_row f32 [4]', 'exp_avg_sq_col f32 [6]']);
    const rows = new Float64Array(4);
    const columns = new Float64Array(6);
    const size = rootMeanSquare(Float64Array.from({ length: 24 }, (_, i) => weightAt(i)));
    for (const [step, values] of found.entries()) {
      const beta = 1 - (step + 1) ** -0.8;
      const g = Float64Array.from({ length: 24 }, (_, i) => gradientAt(step, i));
      for (let row = 0; row < 4; row++) {
        const mean = g.slice(row * 6, row * 6 + 6).reduce((sum, x) => sum + x * x, 0) / 6;
        rows[row] = beta * rows[row] + (1 - beta) * mean;
      }
      for (let column = 0; column < 6; column++) {
        const mean = g.filter((_, i) => i % 6 === column).reduce((sum, x) => sum + x * x, 0) / 4;
        columns[column] = beta * columns[column] + (1 - beta) * mean;
      }
      const meanRow = rows.reduce((sum, x) => sum + x, 0) / 4;
      const u = g.map((x, i) => x / Math.sqrt((rows[Math.floor(i / 6)] * columns[i % 6]) / meanRow));
      const clipped = Math.max(1, rootMeanSquare(u));
      for (const [i, value] of values.entries()) expect(value).toBeCloseTo((size * u[i]) / clipped, 12);
    }
  });

  it('with gradients that are an outer product has Adam’s second moment without a first', async () => {
    const outer = (step: number, i: number) => (1 + Math.floor(i / 6)) * (2 + (i % 6)) * (1 + Math.cos(step) ** 2);
    const { found } = await directionsOf({ ...adafactorDefaults, clipThreshold: 1e9 }, { gradient: outer });
    // g/√v̂ is then the same for all elements.
    for (const values of found) for (const value of values) expect(value).toBeCloseTo(values[0], 12);
  });

  it('with momentum averages its directions', async () => {
    const plain = await directionsOf(adafactorDefaults);
    const { found, state } = await directionsOf({ ...adafactorDefaults, momentum: 0.75 });
    expect(state).toContain('exp_avg f32 [4,6]');
    const average = new Float64Array(24);
    for (const [step, values] of found.entries()) {
      for (let i = 0; i < 24; i++) average[i] = 0.75 * average[i] + 0.25 * plain.found[step][i];
      for (const [i, value] of values.entries()) expect(value).toBeCloseTo(average[i], 12);
    }
  });
});

describe('muon', () => {
  /** Random gradients, whose singular values are of about one size. */
  const noise = (step: number, i: number) => threefry([1, 2], i, step)[0] / 2 ** 31 - 1;

  it.each([
    ['f32', [8, 24]],
    ['f32', [24, 8]],
    ['bf16', [8, 24]],
    ['bf16', [24, 8]],
  ] as const)(
    'in %s moves the singular values of [%s] near 1: U·Uᵀ is near the identity',
    async (gradientType, [rows, columns]) => {
      const side = Math.min(rows, columns);
      const size = Math.sqrt(Math.max(rows, columns));
      const { found } = await directionsOf(
        { ...muonDefaults, updateRms: 1 },
        { shape: [rows, columns], gradient: noise, gradientType },
      );
      for (const values of found) {
        const u = values.map((value) => value / size);
        const at = (k: number, l: number) => (rows <= columns ? u[k * columns + l] : u[l * columns + k]);
        for (let j = 0; j < side; j++) {
          for (let k = 0; k < side; k++) {
            let inner = 0;
            for (let l = 0; l < size ** 2; l++) inner += at(j, l) * at(k, l);
            expect(Math.abs(inner - (j === k ? 1 : 0))).toBeLessThan(0.6);
          }
        }
        expect(rootMeanSquare(values)).toBeGreaterThan(0.6);
        expect(rootMeanSquare(values)).toBeLessThan(1.2);
      }
    },
  );

  it('does not depend on the size of the gradients', async () => {
    const given = { shape: [5, 9], gradient: noise };
    const small = await directionsOf(muonDefaults, { ...given, gradient: (step, i) => 1e-4 * noise(step, i) });
    expect(largestDifference(small.found, (await directionsOf(muonDefaults, given)).found)).toBeLessThan(1e-6);
  });

  it('has the same directions for a matrix and its transpose', async () => {
    const tall = await directionsOf(muonDefaults, {
      shape: [9, 5],
      gradient: (step, i) => noise(step, (i % 5) * 9 + Math.floor(i / 5)),
    });
    const wide = await directionsOf(muonDefaults, { shape: [5, 9], gradient: noise });
    const transposed = tall.found.map((values) => values.map((_, i) => values[(i % 9) * 5 + Math.floor(i / 9)]));
    expect(largestDifference(transposed, wide.found)).toBeLessThan(1e-12);
  });

  it('orthogonalises the momentum, or with Nesterov what the momentum will be', async () => {
    const given = { shape: [3, 5], gradient: noise };
    const once = (momentum: number, nesterov: boolean) => directionsOf({ ...muonDefaults, momentum, nesterov }, given);
    const newest = await once(0, false);
    // Without memory both are the gradient's own; with it only the first step is.
    expect(largestDifference((await once(0, true)).found, newest.found)).toBe(0);
    const remembering = await once(0.9, false);
    expect(largestDifference(remembering.found.slice(0, 1), newest.found)).toBeLessThan(1e-10);
    expect(largestDifference(remembering.found, newest.found)).toBeGreaterThan(0.01);
    expect(largestDifference((await once(0.9, true)).found, remembering.found)).toBeGreaterThan(0.01);
  });

  it('has one state of the gradient’s shape, and leaves vectors to Adam', async () => {
    expect((await directionsOf(muonDefaults)).state).toEqual(['momentum_buffer f32 [4,6]']);
    const vector = await directionsOf(muonDefaults, { shape: [7] });
    expect(vector.found).toEqual((await directionsOf({ name: 'adamw' }, { shape: [7] })).found);
  });
});

import { describe, expect, it } from 'vitest';
import { createReferenceEngine } from '../engine/reference/reference-engine.js';
import { Parameter } from '../tape/index.js';
import { clipFactor } from './clip.js';

/** The factor for parameters with these gradients; undefined stands for a parameter without one. */
async function factorOf(maxNorm: number, gradients: readonly (readonly number[] | undefined)[]): Promise<number> {
  using engine = createReferenceEngine();
  const tensors = gradients.map((values, index) => {
    const name = `w${index}`;
    const parameter = new Parameter(name, engine.allocate({ shape: [values?.length ?? 1], role: 'weight', name }));
    if (values) {
      parameter.gradient = engine.allocate({ shape: [values.length], role: 'gradient', name });
      engine.write(parameter.gradient, Float64Array.from(values));
    }
    return parameter;
  });
  const before = engine.ledger.live;
  const factor = clipFactor(engine, tensors, maxNorm);
  expect(engine.ledger.live, 'the factor alone is left').toBe(before + 4);
  const [value] = await engine.read(factor);
  return value;
}

describe('the factor of clipping by global norm', () => {
  it('is maxNorm/(‖g‖ + 1e-6) over all gradients together', async () => {
    expect(await factorOf(1, [[3], [0, 4]])).toBeCloseTo(1 / (5 + 1e-6), 14);
    expect(await factorOf(0.5, [[3], undefined, [0, 4]])).toBeCloseTo(0.5 / (5 + 1e-6), 14);
  });

  it('is 1 where the norm is small enough', async () => {
    expect(await factorOf(5.1, [[3], [0, 4]])).toBe(1);
    expect(await factorOf(1, [[0, 0]])).toBe(1);
    expect(await factorOf(1, [])).toBe(1);
  });

  it('adds up over more elements than one partial sum has', async () => {
    const values = Array.from({ length: 40_000 }, (_, i) => Math.sin(i));
    const norm = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
    expect(await factorOf(1, [values])).toBeCloseTo(1 / (norm + 1e-6), 12);
  });
});

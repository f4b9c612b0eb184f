import { describe, expect, it } from 'vitest';
import { Engine, type Kernels } from '../../src/engine/index.js';
import { createReferenceBackend } from '../../src/engine/reference/reference-engine.js';
import type { Tensor } from '../../src/engine/tensor.js';
import { contractCases } from './cases.js';
import { bitDifference, disagreement } from './compare.js';
import { inputsOf, runCase } from './run-case.js';

/** A suite that cannot fail proves nothing: these are engines with faults that it must find. */
function faultyEngine(change: (kernels: Kernels, touch: (tensor: Tensor, value: number) => void) => Partial<Kernels>) {
  const backend = createReferenceBackend(1);
  const touch = (tensor: Tensor, value: number) => backend.write(tensor, Float64Array.of(value));
  return new Engine({ ...backend, kernels: { ...backend.kernels, ...change(backend.kernels, touch) } });
}

/** One element of a tensor, or of its neighbourhood. */
function element(tensor: Tensor, index: number): Tensor {
  return { ...tensor, shape: [1], offset: tensor.offset + index };
}

const [addCase] = contractCases.add.cases.filter(({ label }) => label === '[33]');

describe('running a case', () => {
  it.each([-5, -4, -1, 33, 34, 69])('finds a write to element %i of 33', async (index) => {
    for (const value of [7, Number.NaN]) {
      using engine = faultyEngine((kernels, touch) => ({
        add(args, scratch) {
          kernels.add(args, scratch);
          touch(element(args.out, index), value);
        },
      }));
      const { violations } = await runCase(engine, 'add', addCase, await inputsOf('add', addCase));
      // Half of the neighbours are NaN themselves, half are a number: one of the two values always shows.
      if (violations.length > 0) {
        expect(violations.join()).toMatch(`out: element ${index} of 33 was`);
        return;
      }
    }
    expect.unreachable('neither value was found');
  });

  it('finds a change of an input', async () => {
    using engine = faultyEngine((kernels, touch) => ({
      add(args, scratch) {
        kernels.add(args, scratch);
        touch(element(args.b, 32), 7);
      },
    }));
    const { violations } = await runCase(engine, 'add', addCase, await inputsOf('add', addCase));
    expect(violations).toHaveLength(1);
    expect(violations[0]).toMatch(/^b: element 32 of 33 was .*, is 7$/);
  });

  it('shows outputs that were not written as NaN', async () => {
    using engine = faultyEngine(() => ({ add: () => {} }));
    const { outputs, violations } = await runCase(engine, 'add', addCase, await inputsOf('add', addCase));
    expect(violations).toEqual([]);
    expect([...(outputs.get('out') ?? [])]).toEqual(Array(33).fill(Number.NaN));
  });

  it('finds an op that leaves memory behind', async () => {
    let kept: Tensor | undefined;
    const engine: Engine = faultyEngine(() => ({
      add() {
        kept = engine.allocate({ shape: [4], role: 'workspace', name: 'forgotten' });
      },
    }));
    const { violations } = await runCase(engine, 'add', addCase, await inputsOf('add', addCase));
    expect(violations).toEqual(['16 bytes are live after the case']);
    if (kept) engine.release(kept);
    engine.dispose();
  });
});

describe('comparing values', () => {
  it('allows the absolute and the relative error together, and no more', () => {
    const tolerance = { absolute: 1e-3, relative: 1e-2 };
    const want = Float64Array.of(0, 10, -10);
    expect(disagreement(Float64Array.of(0.0009, 10.1, -9.9), want, tolerance)).toBeUndefined();
    expect(disagreement(Float64Array.of(0.0011, 10, -10), want, tolerance)).toMatch(/^\[0\] is 0.0011, expected 0/);
    expect(disagreement(Float64Array.of(0, 10, -10.2), want, tolerance)).toMatch(/^\[2\] is -10.2/);
    expect(disagreement(Float64Array.of(0, 10, -10.2), want, tolerance, 2)).toBeUndefined();
  });

  it('names the worst element', () => {
    const got = Float64Array.of(0.1, 0.3, 0.2);
    expect(disagreement(got, new Float64Array(3), { absolute: 0.01, relative: 0 })).toMatch(/^\[1\]/);
  });

  it('never allows NaN or infinity in the place of a number', () => {
    const tolerance = { absolute: 1, relative: 1 };
    expect(disagreement(Float64Array.of(Number.NaN), Float64Array.of(1), tolerance)).toMatch(/is NaN/);
    expect(disagreement(Float64Array.of(Number.POSITIVE_INFINITY), Float64Array.of(1), tolerance)).toMatch(/Infinity/);
    expect(disagreement(Float64Array.of(1), Float64Array.of(Number.NaN), tolerance)).toMatch(/expected NaN/);
    expect(disagreement(Float64Array.of(Number.NaN), Float64Array.of(Number.NaN), tolerance)).toBeUndefined();
  });

  it('can ask for one correct rounding', () => {
    const want = Float64Array.of(0.1);
    expect(disagreement(Float32Array.of(0.1), want, 'rounded')).toBeUndefined();
    expect(disagreement(Float32Array.of(0.1 + 2 ** -26), want, 'rounded')).toMatch(/allowed 0/);
  });

  it('tells zeros by their sign and NaN from numbers where bits count', () => {
    expect(bitDifference(Float32Array.of(0, 1), Float32Array.of(-0, 1))).toMatch(/^\[0\]/);
    expect(bitDifference(Float32Array.of(Number.NaN), Float32Array.of(Number.NaN))).toBeUndefined();
    expect(bitDifference(Float32Array.of(1), Float32Array.of(1, 2))).toBe('1 values against 2');
  });
});

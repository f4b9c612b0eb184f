import { describe, expect, it } from 'vitest';
import { ShapeError } from '../errors.js';
import { rows } from '../tensor.js';
import { createReferenceEngine } from './reference-engine.js';

const f32 = (shape: readonly number[]) => ({ shape, role: 'activation', name: 'x' }) as const;

describe('the reference engine', () => {
  it('fills new float tensors with NaN, also those in reused memory', async () => {
    using engine = createReferenceEngine();
    const first = engine.allocate(f32([3]));
    expect([...(await engine.read(first))]).toEqual([Number.NaN, Number.NaN, Number.NaN]);
    engine.write(
      first,
      [1, 2, 3].reduce((out, value, i) => out.fill(value, i), new Float64Array(3)),
    );
    engine.release(first);
    const second = engine.allocate(f32([3]));
    expect([...(await engine.read(second))]).toEqual([Number.NaN, Number.NaN, Number.NaN]);
  });

  it('keeps float64 precision in f32 tensors but counts four bytes for each element', async () => {
    using engine = createReferenceEngine();
    const x = engine.allocate(f32([2]));
    engine.write(x, Float64Array.of(1 / 3, 1e-300));
    expect(await engine.read(x)).toEqual(Float64Array.of(1 / 3, 1e-300));
    expect(engine.ledger.live).toBe(8);
  });

  it('rounds what is written to bf16 tensors', async () => {
    using engine = createReferenceEngine();
    const x = engine.allocate({ ...f32([3]), dtype: 'bf16' });
    engine.write(x, Float64Array.of(1 / 3, 1.00390625, 1e39));
    expect(await engine.read(x)).toEqual(Float64Array.of(0.333984375, 1, Number.POSITIVE_INFINITY));
    expect(engine.ledger.live).toBe(6);
  });

  it('gives integers and bytes back as they were written', async () => {
    using engine = createReferenceEngine();
    const ids = engine.allocate({ ...f32([3]), dtype: 'i32' });
    const codes = engine.allocate({ ...f32([2]), dtype: 'u8' });
    engine.write(ids, Int32Array.of(5, -100, 2 ** 31 - 1));
    engine.write(codes, Uint8Array.of(7, 255));
    expect(await engine.read(ids)).toEqual(Int32Array.of(5, -100, 2 ** 31 - 1));
    expect(await engine.read(codes)).toEqual(Uint8Array.of(7, 255));
    expect(engine.ledger.live).toBe(14);
  });

  it('gives copies that later ops do not change', async () => {
    using engine = createReferenceEngine();
    const x = engine.allocate(f32([2]));
    engine.run('fill', { out: x, value: 1 });
    const before = await engine.read(x);
    engine.run('scale', { x, factor: 5 });
    expect([...before]).toEqual([1, 1]);
  });

  it('writes and reads views where they lie', async () => {
    using engine = createReferenceEngine();
    const x = engine.allocate(f32([3, 2]));
    engine.run('fill', { out: x, value: 0 });
    engine.write(rows(x, 1, 1), Float64Array.of(8, 9));
    expect([...(await engine.read(x))]).toEqual([0, 0, 8, 9, 0, 0]);
    expect([...(await engine.read(rows(x, 1, 2)))]).toEqual([8, 9, 0, 0]);
  });

  it('keeps tensors apart that live at the same time, whatever was freed before', async () => {
    using engine = createReferenceEngine();
    const [a, b] = [engine.allocate(f32([4])), engine.allocate(f32([4]))];
    engine.run('fill', { out: a, value: 1 });
    engine.run('fill', { out: b, value: 2 });
    engine.release(a);
    const [c, d] = [engine.allocate(f32([4])), engine.allocate(f32([4]))];
    engine.run('fill', { out: c, value: 3 });
    engine.run('fill', { out: d, value: 4 });
    for (const [tensor, value] of [
      [b, 2],
      [c, 3],
      [d, 4],
    ] as const) {
      expect([...(await engine.read(tensor))]).toEqual(Array(4).fill(value));
    }
  });

  it('counts the scratch of the threads it stands in for', () => {
    const scratchOf = (threads: number) => {
      using engine = createReferenceEngine({ threads });
      const [a, b, out] = [f32([8, 8]), f32([8, 8]), f32([8, 8])].map((spec) => engine.allocate(spec));
      for (const x of [a, b]) engine.run('fill', { out: x, value: 1 });
      engine.run('gemm', { a, b, out });
      return engine.ledger.read().peakByRole.workspace;
    };
    expect(scratchOf(1)).toBeGreaterThan(0);
    expect(scratchOf(3)).toBe(3 * scratchOf(1));
  });

  it('refuses a kernel on a tensor of another kind than it declared', () => {
    using engine = createReferenceEngine();
    const ids = engine.allocate({ ...f32([2]), dtype: 'i32' });
    const posing = { ...ids, dtype: 'f32' as const };
    expect(() => engine.run('fill', { out: posing, value: 1 })).toThrow(ShapeError);
  });
});

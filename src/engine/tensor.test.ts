import { describe, expect, it } from 'vitest';
import { LifetimeError, ShapeError } from './errors.js';
import { assertLive, byteLength, reshape, rows, sizeOf, type Tensor } from './tensor.js';

function tensor(shape: readonly number[], references = 1): Tensor {
  const bytes = byteLength(shape, 'f32');
  return { shape, dtype: 'f32', offset: 0, storage: { id: 0, bytes, role: 'data', name: 'x', references, address: 0 } };
}

describe('sizes', () => {
  it('are products of the extents, and 1 for a scalar', () => {
    expect(sizeOf([3, 4, 5])).toBe(60);
    expect(sizeOf([])).toBe(1);
  });

  it('depend on the dtype in bytes', () => {
    expect((['f32', 'bf16', 'i32', 'u8'] as const).map((dtype) => byteLength([3, 4], dtype))).toEqual([48, 24, 48, 12]);
  });
});

describe('rows', () => {
  it('view consecutive rows of the same storage', () => {
    const whole = tensor([6, 4]);
    const view = rows(whole, 2, 3);
    expect(view).toMatchObject({ shape: [3, 4], offset: 8, dtype: 'f32' });
    expect(view.storage).toBe(whole.storage);
  });

  it('of a view count from the view', () => {
    expect(rows(rows(tensor([6, 4]), 2, 4), 1, 2)).toMatchObject({ shape: [2, 4], offset: 12 });
  });

  it('of a vector are elements, of a cube matrices', () => {
    expect(rows(tensor([6]), 4, 2)).toMatchObject({ shape: [2], offset: 4 });
    expect(rows(tensor([6, 4, 5]), 1, 1)).toMatchObject({ shape: [1, 4, 5], offset: 20 });
  });

  it.each([
    [-1, 2],
    [5, 2],
    [0, 7],
    [0, -1],
  ])('refuse to leave the tensor: %i + %i of 6', (start, count) => {
    expect(() => rows(tensor([6, 4]), start, count)).toThrow(ShapeError);
  });

  it('refuse a scalar', () => {
    expect(() => rows(tensor([]), 0, 1)).toThrow(ShapeError);
  });
});

describe('reshape', () => {
  it('keeps the elements and their offset', () => {
    const view = reshape(rows(tensor([6, 4]), 2, 3), [2, 6]);
    expect(view).toMatchObject({ shape: [2, 6], offset: 8 });
  });

  it('refuses another number of elements', () => {
    expect(() => reshape(tensor([6, 4]), [5, 5])).toThrow('cannot view [6,4] as [5,5]');
  });
});

describe('assertLive', () => {
  it('refuses a tensor without references', () => {
    expect(() => assertLive(tensor([2], 0))).toThrow(LifetimeError);
    expect(() => assertLive(tensor([2], 1))).not.toThrow();
  });
});

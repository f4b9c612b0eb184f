import { type DType, type Numbers, type RandomKey, threefry, uniform } from '../../src/engine/index.js';
import { sizeOf } from '../../src/engine/tensor.js';

/** A tensor argument of a case: its shape and how its contents are made. */
export interface Operand {
  readonly shape: readonly number[];
  readonly dtype: DType;
  /** Values from a key; `undefined` for contents that the op must overwrite without looking. */
  readonly values: ((key: RandomKey, length: number) => Numbers) | undefined;
}

/** Contents the op must not depend on. */
export function output(shape: readonly number[], dtype: DType = 'f32'): Operand {
  return { shape, dtype, values: undefined };
}

/** Normal numbers, exact in f32 so that every engine starts from the same values. */
export function normal(shape: readonly number[], deviation = 1, mean = 0): Operand {
  return { shape, dtype: 'f32', values: (key, length) => normalNumbers(key, length, deviation, mean) };
}

/** Squares of normal numbers: second moments are never negative. */
export function positive(shape: readonly number[], deviation = 1): Operand {
  return {
    shape,
    dtype: 'f32',
    values: (key, length) => normalNumbers(key, length, deviation, 0).map((x) => Math.fround(x * x)),
  };
}

/** The same values in every run, for what a test wants to say exactly. */
export function given(shape: readonly number[], values: readonly number[], dtype: DType = 'f32'): Operand {
  return { shape, dtype, values: () => (dtype === 'i32' ? Int32Array.from(values) : Float32Array.from(values)) };
}

/** Values that are a function of the index. */
export function byIndex(shape: readonly number[], value: (index: number) => number): Operand {
  return { shape, dtype: 'f32', values: (_, length) => Float32Array.from({ length }, (_, index) => value(index)) };
}

/** Token ids in [0, below). */
export function ids(count: number, below: number): Operand {
  return {
    shape: [count],
    dtype: 'i32',
    values: (key, length) => Int32Array.from({ length }, (_, index) => threefry(key, index, 0)[0] % below),
  };
}

/** Target ids of which about every third is ignored, or none where `ignored` is false. */
export function targets(count: number, below: number, ignored = true): Operand {
  return {
    shape: [count],
    dtype: 'i32',
    values: (key, length) =>
      Int32Array.from({ length }, (_, index) => {
        const [id, coin] = threefry(key, index, 0);
        return ignored && coin % 3 === 0 ? -100 : id % below;
      }),
  };
}

/** Random bytes. */
export function bytes(shape: readonly number[]): Operand {
  return {
    shape,
    dtype: 'u8',
    values: (key, length) => Uint8Array.from({ length }, (_, index) => threefry(key, index, 0)[0] & 0xff),
  };
}

/** Normal numbers that were rounded to bf16, in a bf16 tensor. */
export function normalBf16(shape: readonly number[], deviation = 1): Operand {
  return { shape, dtype: 'bf16', values: (key, length) => normalNumbers(key, length, deviation, 0) };
}

export function normalNumbers(key: RandomKey, length: number, deviation: number, mean: number): Float64Array {
  const out = new Float64Array(length);
  for (let i = 0; i < length; i += 2) {
    const [word0, word1] = threefry(key, i, 0);
    const radius = deviation * Math.sqrt(-2 * Math.log(uniform(word0)));
    const angle = 2 * Math.PI * uniform(word1);
    out[i] = Math.fround(mean + radius * Math.cos(angle));
    if (i + 1 < length) out[i + 1] = Math.fround(mean + radius * Math.sin(angle));
  }
  return out;
}

/** The operand's values for a case; the key comes from the names, so that cases do not share numbers. */
export function valuesOf(operand: Operand, ...names: readonly string[]): Numbers | undefined {
  const key: RandomKey = [hash(names.join('/')), 0x5eed];
  return operand.values?.(key, sizeOf(operand.shape));
}

/** FNV-1a. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return value;
}

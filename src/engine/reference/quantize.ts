import {
  type DequantizeArgs,
  type QuantizeArgs,
  quantizedGroup,
  quantizedGroups,
  smallestStep,
} from '../contract/quantize.js';
import { bf16Beside } from '../dtype.js';
import { threefry } from '../threefry.js';
import type { ReferenceMemory } from './memory.js';
import { packCode, unpackCode } from './packed-codes.js';

/** Steps in f32 where the contract says so: a code is a decision, and all engines must decide alike. */
export function quantize(memory: ReferenceMemory, { x, codes, scales, bits, key }: QuantizeArgs): void {
  const values = memory.floats(x);
  const packed = memory.bytes(codes).fill(0);
  const ranges = memory.floats(scales);
  const levels = 2 ** bits - 1;
  for (let group = 0; group < quantizedGroups(values.length); group++) {
    const start = group * quantizedGroup;
    const end = Math.min(start + quantizedGroup, values.length);
    const { step, minimum } = rangeOf(values.subarray(start, end), levels);
    ranges[2 * group] = step;
    ranges[2 * group + 1] = minimum;
    const inverse = Math.fround(1 / step);
    for (let e = start; e < end; e++) {
      const scaled = Math.fround(Math.fround(Math.fround(values[e]) - minimum) * inverse);
      const clamped = scaled > 0 ? Math.min(scaled, levels) : 0;
      const below = Math.floor(clamped);
      packCode(packed, e, bits, below + (uniformHalf(key, e) < clamped - below ? 1 : 0));
    }
  }
}

/** out = q·s + β. */
export function dequantize(memory: ReferenceMemory, { codes, scales, bits, out }: DequantizeArgs): void {
  const packed = memory.bytes(codes);
  const ranges = memory.floats(scales);
  const values = memory.floats(out);
  for (let e = 0; e < values.length; e++) {
    const group = Math.floor(e / quantizedGroup);
    values[e] = unpackCode(packed, e, bits) * ranges[2 * group] + ranges[2 * group + 1];
  }
}

/** s and β of a group: minimum rounded down, step rounded up, so that the range covers the group. */
function rangeOf(group: Float64Array, levels: number): { readonly step: number; readonly minimum: number } {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of group) {
    const rounded = Math.fround(value);
    if (rounded < low) low = rounded;
    if (rounded > high) high = rounded;
  }
  const minimum = bf16Beside(low + 0, low < 0);
  const step = Math.fround(Math.fround(high - minimum) / levels);
  return { step: bf16Beside(step > smallestStep ? step : smallestStep, true), minimum };
}

/** u of element e; see the contract. */
function uniformHalf(key: QuantizeArgs['key'], e: number): number {
  const j = e % 64;
  const words = threefry(key, (((e - j) / 64) * 16 + (j % 16)) >>> 0, 0);
  const half = (words[j < 32 ? 0 : 1] >>> (j % 32 < 16 ? 0 : 16)) & 0xffff;
  return (half + 0.5) * 2 ** -16;
}

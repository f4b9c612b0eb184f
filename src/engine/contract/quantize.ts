import { ShapeError } from '../errors.js';
import { sizeOf, type Tensor } from '../tensor.js';
import type { RandomKey } from './random.js';
import { expectTensor, type OpSpec, require } from './spec.js';

/** Bits of one code. */
export const quantizedBits = [8, 4, 2] as const;
export type QuantizedBits = (typeof quantizedBits)[number];

/** Consecutive elements that share a scale and a minimum; the last group may be shorter. */
export const quantizedGroup = 128;

/** Steps smaller than this are not told apart: its reciprocal is still a number. */
export const smallestStep = 2 ** -100;

/** Bytes of `count` codes, packed without gaps: code k stands at bits (k·bits mod 8) … of byte ⌊k·bits/8⌋. */
export function packedBytes(count: number, bits: number): number {
  return Math.ceil((count * bits) / 8);
}

/** Groups of `count` elements. */
export function quantizedGroups(count: number): number {
  return Math.ceil(count / quantizedGroup);
}

/**
 * Asymmetric quantisation by groups with stochastic rounding (Mesa, arXiv 2111.11124, with the range of the group itself):
 * β = the group's minimum rounded down to bf16, s = (maximum − β)/(2^bits − 1) rounded up to bf16,
 * q = clamp(⌊(x − β)/s + u⌋, 0, 2^bits − 1) with u uniform in (0, 1).
 *
 * All engines take these steps in f32, so that codes are the same everywhere. u has 16 bits from the counter-based generator:
 * element e of a chunk of 64 (chunk c, e = 64c + j) uses counter (16c + j mod 16, 0), word ⌊j/32⌋, half ⌊j/16⌋ mod 2 (low first),
 * u = (half + ½)·2^-16. NaN becomes code 0.
 */
export interface QuantizeArgs {
  /** Any shape. */
  readonly x: Tensor;
  /** [⌈count·bits/8⌉], u8. */
  readonly codes: Tensor;
  /** [groups, 2], bf16: s and β. */
  readonly scales: Tensor;
  readonly bits: QuantizedBits;
  readonly key: RandomKey;
}

export const quantize: OpSpec<QuantizeArgs> = {
  access: { x: 'read', codes: 'write', scales: 'write' },
  storage: [['x']],
  check({ x, codes, scales, bits }) {
    checkCodes('quantize', sizeOf(x.shape), codes, scales, bits);
  },
  flops: () => 0,
};

/** Gives back x̂ = q·s + β. */
export interface DequantizeArgs {
  readonly codes: Tensor;
  readonly scales: Tensor;
  readonly bits: QuantizedBits;
  /** Any shape. */
  readonly out: Tensor;
}

export const dequantize: OpSpec<DequantizeArgs> = {
  access: { codes: 'read', scales: 'read', out: 'write' },
  storage: [['out']],
  check({ codes, scales, bits, out }) {
    checkCodes('dequantize', sizeOf(out.shape), codes, scales, bits);
  },
  flops: () => 0,
};

function checkCodes(op: string, count: number, codes: Tensor, scales: Tensor, bits: number): void {
  if (!quantizedBits.some((known) => known === bits)) throw new ShapeError(`${op}: ${bits} bits, expected 8, 4 or 2`);
  require(count <= 2 ** 34, `${op}: ${count} elements exceed the counters of the generator`);
  expectTensor(`${op} codes`, codes, [packedBytes(count, bits)], 'u8');
  expectTensor(`${op} scales`, scales, [quantizedGroups(count), 2], 'bf16');
}

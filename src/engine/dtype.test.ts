import { describe, expect, it } from 'vitest';
import { fromBf16Bits, roundToBf16, toBf16Bits } from './dtype.js';
import { threefry } from './threefry.js';

/** The f32 number with these bits. */
function float(bits: number): number {
  return new Float32Array(Uint32Array.of(bits).buffer)[0];
}

describe('bf16', () => {
  it.each([
    { bits: 0x3f808000, rounded: 0x3f80, why: 'a tie goes down to the even number' },
    { bits: 0x3f818000, rounded: 0x3f82, why: 'a tie goes up to the even number' },
    { bits: 0x3f808001, rounded: 0x3f81, why: 'just above a tie goes up' },
    { bits: 0x3f817fff, rounded: 0x3f81, why: 'just below a tie goes down' },
    { bits: 0xbf808000, rounded: 0xbf80, why: 'negative ties go to the even number as well' },
    { bits: 0x3fffffff, rounded: 0x4000, why: 'a carry reaches the exponent' },
    { bits: 0x7f7fffff, rounded: 0x7f80, why: 'the largest number rounds to infinity' },
    { bits: 0x7f7f7fff, rounded: 0x7f7f, why: 'the largest bf16 number is kept' },
    { bits: 0x00000001, rounded: 0x0000, why: 'the smallest number vanishes' },
    { bits: 0x00018000, rounded: 0x0002, why: 'subnormal numbers round the same way' },
    { bits: 0x80000000, rounded: 0x8000, why: 'minus zero keeps its sign' },
    { bits: 0x7f800000, rounded: 0x7f80, why: 'infinity stays' },
    { bits: 0xff800000, rounded: 0xff80, why: 'minus infinity stays' },
  ])('$why', ({ bits, rounded }) => {
    expect(toBf16Bits(float(bits))).toBe(rounded);
  });

  it('keeps NaN a NaN, also where rounding its bits would make it infinity', () => {
    expect(roundToBf16(Number.NaN)).toBeNaN();
    expect(roundToBf16(float(0x7f800001))).toBeNaN();
    expect(roundToBf16(float(0x7fffffff))).toBeNaN();
  });

  it('keeps every bf16 number as it is', () => {
    for (let bits = 0; bits < 2 ** 16; bits++) {
      const value = fromBf16Bits(bits);
      if (Number.isNaN(value)) expect(toBf16Bits(value)).toBe(0x7fc0);
      else expect(toBf16Bits(value)).toBe(bits);
    }
  });

  it('takes the nearer neighbour of any number', () => {
    for (let i = 0; i < 2000; i++) {
      const value = float(threefry([1, 1], i, 0)[0] & 0x7effffff);
      const bits = toBf16Bits(value);
      const error = Math.abs(fromBf16Bits(bits) - value);
      expect(error).toBeLessThanOrEqual(Math.abs(fromBf16Bits(bits + 1) - value));
      if (bits > 0) expect(error).toBeLessThanOrEqual(Math.abs(fromBf16Bits(bits - 1) - value));
    }
  });
});

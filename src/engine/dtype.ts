/** Storage type of a tensor's elements. Arithmetic is at least f32 everywhere; `bf16` is a way to store. */
export type DType = 'f32' | 'bf16' | 'i32' | 'u8';

/** Types that floating-point tensors are stored in. */
export type FloatType = Extract<DType, 'f32' | 'bf16'>;

/** Values as they cross the border between JavaScript and an engine. */
export type Numbers = Float64Array | Float32Array | Int32Array | Uint8Array;

/** Bytes of one element. */
export const bytesPerElement: { readonly [D in DType]: number } = { f32: 4, bf16: 2, i32: 4, u8: 1 };

const scratch = new DataView(new ArrayBuffer(4));

/** Nearest bf16 value (ties to even) of a float, as a float; NaN stays NaN. */
export function roundToBf16(value: number): number {
  return fromBf16Bits(toBf16Bits(value));
}

/** Bit pattern of the nearest bf16 value, ties to even. */
export function toBf16Bits(value: number): number {
  if (Number.isNaN(value)) return 0x7fc0;
  scratch.setFloat32(0, value);
  const bits = scratch.getUint32(0);
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

/** The bf16 number next to a float, as a float: the one of smaller magnitude, or of larger magnitude where `away`. */
export function bf16Beside(value: number, away: boolean): number {
  scratch.setFloat32(0, value);
  const bits = scratch.getUint32(0);
  const inexact = (bits & 0xffff) !== 0;
  return fromBf16Bits(((bits >>> 16) + (inexact && away ? 1 : 0)) & 0xffff);
}

/** Float value of a bf16 bit pattern. */
export function fromBf16Bits(bits: number): number {
  scratch.setUint32(0, (bits << 16) >>> 0);
  return scratch.getFloat32(0);
}

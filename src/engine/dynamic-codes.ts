/**
 * The dynamic 8-bit codes of block-wise optimizer states (Dettmers et al., arXiv 2110.02861): 256 sorted values relative to
 * a block's largest magnitude, with decades from 1e-7 to 1 and more values in each higher one.
 *
 * Signed: ±10^(i−6)·(0.1 + 0.9·(k+½)/2^i) for decades i = 0..6, k = 0..2^i−1, and 0 and 1. Unsigned: 2^(i+1) values per decade.
 */
export interface DynamicCodes {
  /** Values of the codes in ascending order, exact in f32. */
  readonly values: Float32Array;
  /** The code of 0. */
  readonly zero: number;
}

export const signedCodes: DynamicCodes = makeCodes(decades(0), true);
export const unsignedCodes: DynamicCodes = makeCodes(decades(1), false);

/** Code nearest to a value in [−1, 1]; the lower one where two are equally near. NaN gives 0's code. */
export function nearestCode({ values, zero }: DynamicCodes, x: number): number {
  if (Number.isNaN(x)) return zero;
  let low = 0;
  let high = values.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (x > (values[middle] + values[middle + 1]) / 2) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The positive values below 1, ascending. @param extraBits 1 gives twice as many per decade */
function decades(extraBits: number): number[] {
  const powers = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1];
  return powers.flatMap((power, i) => {
    const count = 2 ** (i + extraBits);
    return Array.from({ length: count }, (_, k) => power * (0.1 + (0.9 * (k + 0.5)) / count));
  });
}

function makeCodes(positive: readonly number[], signed: boolean): DynamicCodes {
  const negative = signed ? positive.map((value) => -value).reverse() : [];
  return { values: Float32Array.from([...negative, 0, ...positive, 1]), zero: negative.length };
}

import { type GemmArgs, gemmExtents } from '../contract/gemm.js';
import type { ReferenceMemory } from './memory.js';

/**
 * C = op(A)·op(B) (+ C, or + addend). Both operands are brought into the layout in which the sum over k runs through
 * consecutive elements, A as [M, K] and B as [N, K]; then C_ij is the inner product of two rows, rounded once.
 */
export function gemm(memory: ReferenceMemory, args: GemmArgs): void {
  const [m, n, k] = gemmExtents(args);
  const a = args.transA ? transpose(memory.floats(args.a), k, m) : memory.floats(args.a);
  const b = args.transB ? memory.floats(args.b) : transpose(memory.floats(args.b), k, n);
  const out = memory.floats(args.out);
  const initial = args.accumulate ? out : memory.optionalFloats(args.addend);

  for (let i = 0; i < m; i++) {
    const row = a.subarray(i * k, (i + 1) * k);
    let j = 0;
    for (; j + 4 <= n; j += 4) innerProducts4(row, b, j, k, out, i * n + j, initial);
    for (; j < n; j++) {
      const base = j * k;
      let sum = 0;
      for (let index = 0; index < k; index++) sum += row[index] * b[base + index];
      out[i * n + j] = sum + (initial ? initial[i * n + j] : 0);
    }
  }
}

/** Four elements of C at once: the row of A is read once for four rows of B, which is about three times as fast. */
function innerProducts4(
  row: Float64Array,
  b: Float64Array,
  firstRow: number,
  k: number,
  out: Float64Array,
  at: number,
  initial: Float64Array | undefined,
): void {
  let b0 = firstRow * k;
  let b1 = b0 + k;
  let b2 = b1 + k;
  let b3 = b2 + k;
  let sum0 = 0;
  let sum1 = 0;
  let sum2 = 0;
  let sum3 = 0;
  for (let index = 0; index < row.length; index++) {
    const value = row[index];
    sum0 += value * b[b0++];
    sum1 += value * b[b1++];
    sum2 += value * b[b2++];
    sum3 += value * b[b3++];
  }
  out[at] = sum0 + (initial ? initial[at] : 0);
  out[at + 1] = sum1 + (initial ? initial[at + 1] : 0);
  out[at + 2] = sum2 + (initial ? initial[at + 2] : 0);
  out[at + 3] = sum3 + (initial ? initial[at + 3] : 0);
}

/** The [columns, rows] transpose of a [rows, columns] matrix. */
export function transpose(x: Float64Array, rows: number, columns: number): Float64Array {
  const out = new Float64Array(x.length);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) out[j * rows + i] = x[i * columns + j];
  }
  return out;
}

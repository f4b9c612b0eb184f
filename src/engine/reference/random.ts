import type { OrthonormalizeArgs, RandomArgs } from '../contract/random.js';
import { matrix } from '../contract/spec.js';
import { threefry, uniform } from '../threefry.js';
import { transpose } from './gemm.js';
import type { ReferenceMemory } from './memory.js';

/** Entries from the counter-based generator; see the contract for which counter gives which entry. */
export function random(memory: ReferenceMemory, args: RandomArgs): void {
  const [rows, columns] = matrix('random out', args.out);
  const out = memory.floats(args.out);
  const writeRow = args.family === 'gaussian' ? writeGaussianRow : writeRademacherRow;
  for (let i = 0; i < rows; i++) writeRow(out.subarray(i * columns, (i + 1) * columns), i, args);
}

/** Box-Muller: √(−2 ln u0)·cos(2π·u1) for even columns, ·sin(2π·u1) for odd ones. */
function writeGaussianRow(out: Float64Array, row: number, { key, deviation }: RandomArgs): void {
  for (let j = 0; j < out.length; j += 2) {
    const [word0, word1] = threefry(key, row, j / 2);
    const radius = deviation * Math.sqrt(-2 * Math.log(uniform(word0)));
    const angle = 2 * Math.PI * uniform(word1);
    out[j] = radius * Math.cos(angle);
    if (j + 1 < out.length) out[j + 1] = radius * Math.sin(angle);
  }
}

/** ± deviation, one random bit each; 64 columns per call of the generator. */
function writeRademacherRow(out: Float64Array, row: number, { key, deviation }: RandomArgs): void {
  for (let start = 0; start < out.length; start += 64) {
    const words = threefry(key, row, start / 64);
    const end = Math.min(start + 64, out.length);
    for (let j = start; j < end; j++) {
      const bit = (words[j - start < 32 ? 0 : 1] >>> (j % 32)) & 1;
      out[j] = bit === 1 ? -deviation : deviation;
    }
  }
}

/**
 * Gram-Schmidt: each column loses its parts along the columns before it and is divided by its length, which makes R's
 * diagonal positive. Done twice, because one pass loses orthogonality where columns are nearly dependent.
 */
export function orthonormalize(memory: ReferenceMemory, args: OrthonormalizeArgs): void {
  const [n, r] = matrix('orthonormalize x', args.x);
  const x = memory.floats(args.x);
  const columns = transpose(x, n, r);
  for (let j = 0; j < r; j++) {
    const column = columns.subarray(j * n, (j + 1) * n);
    for (let pass = 0; pass < 2; pass++) {
      for (let i = 0; i < j; i++) {
        const earlier = columns.subarray(i * n, (i + 1) * n);
        const part = innerProduct(earlier, column);
        for (let index = 0; index < n; index++) column[index] -= part * earlier[index];
      }
    }
    const length = Math.sqrt(innerProduct(column, column));
    if (length > 0) for (let index = 0; index < n; index++) column[index] /= length;
  }
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < r; j++) x[i * r + j] = args.factor * columns[j * n + i];
  }
}

function innerProduct(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

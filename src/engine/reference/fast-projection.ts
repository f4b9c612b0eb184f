import {
  type FastExpandArgs,
  type FastMatrixArgs,
  type FastProjectArgs,
  type FastProjection,
  hadamardSize,
  sparseEntries,
} from '../contract/fast-projection.js';
import { matrix } from '../contract/spec.js';
import { threefry } from '../threefry.js';
import type { ReferenceMemory } from './memory.js';

/** P, entry by entry; see the contract for the recipes. */
export function fastMatrix(memory: ReferenceMemory, args: FastMatrixArgs): void {
  const [inputSize, rank] = matrix('fastMatrix out', args.out);
  memory.floats(args.out).set(entries(args, inputSize, rank));
}

/** Z = X·P as the plain product. */
export function fastProject(memory: ReferenceMemory, args: FastProjectArgs): void {
  const [rows, inputSize] = matrix('fastProject x', args.x);
  const rank = args.out.shape[1];
  const x = memory.floats(args.x);
  const out = memory.floats(args.out);
  const p = entries(args, inputSize, rank);
  for (let row = 0; row < rows; row++) {
    const sums = new Float64Array(rank);
    for (let i = 0; i < inputSize; i++) {
      const value = x[row * inputSize + i];
      for (let c = 0; c < rank; c++) sums[c] += value * p[i * rank + c];
    }
    out.set(sums, row * rank);
  }
}

/** W ← W + (P·U)ᵀ as the plain product. */
export function fastExpand(memory: ReferenceMemory, args: FastExpandArgs): void {
  const [rank, rows] = matrix('fastExpand x', args.x);
  const inputSize = args.out.shape[1];
  const u = memory.floats(args.x);
  const out = memory.floats(args.out);
  const p = entries(args, inputSize, rank);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < inputSize; i++) {
      let sum = 0;
      for (let c = 0; c < rank; c++) sum += p[i * rank + c] * u[c * rows + row];
      out[row * inputSize + i] += sum;
    }
  }
}

function entries(projection: FastProjection, inputSize: number, rank: number): Float64Array {
  const { family, key } = projection;
  return family === 'sparse' ? sparse(key, inputSize, rank) : subsampledHadamard(key, inputSize, rank);
}

function sparse(key: FastProjection['key'], inputSize: number, rank: number): Float64Array {
  const p = new Float64Array(inputSize * rank);
  const blocks = sparseEntries(rank);
  for (let i = 0; i < inputSize; i++) {
    for (let block = 0; block < blocks; block++) {
      const [word0, word1] = threefry(key, i, block);
      const begin = Math.floor((block * rank) / blocks);
      const width = Math.floor(((block + 1) * rank) / blocks) - begin;
      const column = begin + (((word0 >>> 16) * width) >>> 16);
      p[i * rank + column] = (word1 >>> 31 === 1 ? -1 : 1) / Math.sqrt(blocks);
    }
  }
  return p;
}

/** √(n'/r)·D·H·S: entry (i, c) is ±1/√r with the sign of D_i times (−1)^(bits that i and the column share). */
function subsampledHadamard(key: FastProjection['key'], inputSize: number, rank: number): Float64Array {
  const p = new Float64Array(inputSize * rank);
  const columns = chosenColumns(key, hadamardSize(inputSize), rank);
  for (let i = 0; i < inputSize; i++) {
    const negative = threefry(key, 0, i)[0] >>> 31;
    for (let c = 0; c < rank; c++) {
      p[i * rank + c] = (parity(i & columns[c]) === negative ? 1 : -1) / Math.sqrt(rank);
    }
  }
  return p;
}

/** The first `rank` of 0 … size−1 after that many steps of a Fisher-Yates shuffle. */
function chosenColumns(key: FastProjection['key'], size: number, rank: number): Uint32Array {
  const order = Uint32Array.from({ length: size }, (_, index) => index);
  for (let step = 0; step < rank; step++) {
    const other = step + (((threefry(key, 1, step)[0] >>> 16) * (size - step)) >>> 16);
    const value = order[step];
    order[step] = order[other];
    order[other] = value;
  }
  return order.subarray(0, rank);
}

function parity(word: number): number {
  let bits = word;
  for (let shift = 16; shift > 0; shift >>>= 1) bits ^= bits >>> shift;
  return bits & 1;
}

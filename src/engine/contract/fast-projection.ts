import type { Tensor } from '../tensor.js';
import type { RandomKey } from './random.js';
import { expectShape, matrix, type OpSpec, require } from './spec.js';

/**
 * Random projections P [n, r] with E[P·Pᵀ] = I that are applied without a matrix product.
 *
 * `sparse` (Kane & Nelson, arXiv 1012.1577, block form): row i has k = min(4, r) entries ±1/√k, one in each of k blocks of
 * columns, block a being the columns from ⌊a·r/k⌋ to ⌊(a+1)·r/k⌋. Counter (i, a) gives words w0, w1: the column within
 * the block is ((w0 >>> 16)·width) >>> 16, the top bit of w1 is the sign.
 *
 * `srht` (Tropp, arXiv 1011.1595): P = √(n'/r)·D·H·S, with n' the next power of two, H the Walsh-Hadamard matrix over √n', D
 * signs (top bit of w0 of counter (0, i)), and S the first r of 0 … n'−1 after a Fisher-Yates shuffle whose step a swaps
 * a with a + (((w0 >>> 16)·(n'−a)) >>> 16), w0 of counter (1, a). Rows beyond n are dropped.
 */
export interface FastProjection {
  readonly family: FastFamily;
  readonly key: RandomKey;
}

export const fastFamilies = ['sparse', 'srht'] as const;
export type FastFamily = (typeof fastFamilies)[number];

/** Entries of a row of a `sparse` projection. */
export function sparseEntries(rank: number): number {
  return Math.min(4, rank);
}

/** n', the size of the Walsh-Hadamard transform for inputs of width n. */
export function hadamardSize(inputSize: number): number {
  return 2 ** Math.ceil(Math.log2(inputSize));
}

/** Rows that are transformed side by side, one per lane of a vector. */
const laneCount = 16;

/** The 16 bits of a random word choose among so many at most. */
const largestWidth = 65535;

function checkProjection(op: string, inputSize: number, rank: number): void {
  require(rank <= inputSize, `${op}: rank ${rank} is larger than the input width ${inputSize}`);
  require(inputSize <= largestWidth, `${op}: input width ${inputSize} is larger than ${largestWidth}`);
}

/** Additions for one vector, a multiply-add counting 2 as in a matrix product. */
function vectorFlops(family: FastFamily, inputSize: number, rank: number): number {
  if (family === 'sparse') return 2 * inputSize * sparseEntries(rank);
  const size = hadamardSize(inputSize);
  return size * Math.log2(size);
}

/** Where P's entries are, in whole cache lines, and for each thread a tile of 16 vectors. */
function scratchBytes(family: FastFamily, inputSize: number, rank: number, threads: number): number {
  const sparse = family === 'sparse';
  const size = hadamardSize(inputSize);
  const tables = sparse ? inputSize * sparseEntries(rank) : inputSize + size;
  return 4 * laneCount * (Math.ceil(tables / laneCount) + threads * (sparse ? rank : size));
}

/** P itself, entry by entry. */
export interface FastMatrixArgs extends FastProjection {
  /** [n, r], r ≤ n ≤ 65535. */
  readonly out: Tensor;
}

export const fastMatrix: OpSpec<FastMatrixArgs> = {
  access: { out: 'write' },
  storage: [['out']],
  check({ out }) {
    const [inputSize, rank] = matrix('fastMatrix out', out);
    checkProjection('fastMatrix', inputSize, rank);
  },
  flops: () => 0,
  scratch({ out, family }) {
    const [inputSize, rank] = matrix('fastMatrix out', out);
    return scratchBytes(family, inputSize, rank, 0);
  },
};

/** Z = X·P. */
export interface FastProjectArgs extends FastProjection {
  /** [N, n]. */
  readonly x: Tensor;
  /** [N, r], r ≤ n ≤ 65535. */
  readonly out: Tensor;
}

export const fastProject: OpSpec<FastProjectArgs> = {
  access: { x: 'read', out: 'write' },
  storage: [['x', 'out']],
  check({ x, out }) {
    const [rows, inputSize] = matrix('fastProject x', x);
    const [, rank] = matrix('fastProject out', out);
    expectShape('fastProject out', out, [rows, rank]);
    checkProjection('fastProject', inputSize, rank);
  },
  flops({ x, out, family }) {
    return x.shape[0] * vectorFlops(family, x.shape[1], out.shape[1]);
  },
  scratch: ({ x, out, family }, threads) => scratchBytes(family, x.shape[1], out.shape[1], threads),
};

/** W ← W + (P·U)ᵀ: an update in the subspace, expanded onto a weight stored [out, in]. */
export interface FastExpandArgs extends FastProjection {
  /** U, [r, m]. */
  readonly x: Tensor;
  /** W, [m, n], added to; r ≤ n ≤ 65535. */
  readonly out: Tensor;
}

export const fastExpand: OpSpec<FastExpandArgs> = {
  access: { x: 'read', out: 'update' },
  storage: [['x'], ['out']],
  check({ x, out }) {
    const [rank, rows] = matrix('fastExpand x', x);
    const [, inputSize] = matrix('fastExpand out', out);
    expectShape('fastExpand out', out, [rows, inputSize]);
    checkProjection('fastExpand', inputSize, rank);
  },
  flops: ({ x, out, family }) => x.shape[1] * vectorFlops(family, out.shape[1], x.shape[0]),
  scratch: ({ x, out, family }, threads) => scratchBytes(family, out.shape[1], x.shape[0], threads),
};

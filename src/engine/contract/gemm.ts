import type { Tensor } from '../tensor.js';
import { expectTensor, matrix, type OpSpec, require } from './spec.js';

/**
 * Matrix product C = op(A)·op(B), optionally plus C or plus an addend; op(X) is X or Xᵀ.
 *
 * Sums over K in blocks (see `gemmDepthBlocks`), each a sequential fused multiply-add: the bits of a result do not depend
 * on tiles, threads or instruction set.
 */
export interface GemmArgs {
  /** [M, K], or [K, M] with `transA`. */
  readonly a: Tensor;
  /** [K, N], or [N, K] with `transB`. */
  readonly b: Tensor;
  /** [M, N]. */
  readonly out: Tensor;
  readonly transA?: boolean;
  readonly transB?: boolean;
  /** Add to what `out` holds instead of overwriting it. */
  readonly accumulate?: boolean;
  /** [M, N], added to the product: the residual branch. Not together with `accumulate`. */
  readonly addend?: Tensor;
}

/** Extents M, N, K of a product. */
export function gemmExtents(args: GemmArgs): readonly [m: number, n: number, k: number] {
  const [aRows, aColumns] = matrix('gemm a', args.a);
  const [bRows, bColumns] = matrix('gemm b', args.b);
  const [m, k] = args.transA ? [aColumns, aRows] : [aRows, aColumns];
  const [kOfB, n] = args.transB ? [bColumns, bRows] : [bRows, bColumns];
  require(k === kOfB, `gemm: inner extents differ, ${k} in a and ${kOfB} in b`);
  return [m, n, k];
}

/** Depth of one K block; the rule is shared by every engine and instruction set, so that they share bits. */
export const gemmDepth = 384;

/**
 * Depth of the next K block when `rest` remain: `gemmDepth` while at least two blocks remain, half of it (rounded up to 16)
 * when between one and two remain, else all.
 */
export function nextGemmDepth(rest: number): number {
  if (rest >= 2 * gemmDepth) return gemmDepth;
  if (rest > gemmDepth) return Math.ceil(rest / 2 / 16) * 16;
  return rest;
}

/** Rows of A and columns of B that one thread packs at a time; multiples of every register tile in use. */
export const gemmBlock = { rows: 280, columns: 2048, rowTile: 14, columnTile: 32 } as const;

/** Bytes of packing panels for one thread: A in tiles of 14 rows, B in tiles of 32 columns, one K block deep. */
export function gemmPanelBytes(m: number, n: number, k: number): number {
  const depth = Math.min(k, gemmDepth);
  const panelRows = Math.min(Math.ceil(m / 16) * 16, gemmBlock.rows) + 32;
  const panelColumns = Math.min(Math.ceil(n / 32) * 32, gemmBlock.columns) + 32;
  return Math.ceil(((panelRows + panelColumns) * depth * 4) / 64) * 64;
}

export const gemm: OpSpec<GemmArgs> = {
  access: { a: 'read', b: 'read', out: 'write', addend: 'read' },
  check(args) {
    const [m, n, k] = gemmExtents(args);
    expectTensor('gemm a', args.a, args.transA ? [k, m] : [m, k]);
    expectTensor('gemm b', args.b, args.transB ? [n, k] : [k, n]);
    expectTensor('gemm out', args.out, [m, n]);
    if (args.addend) {
      expectTensor('gemm addend', args.addend, [m, n]);
      require(!args.accumulate, 'gemm: accumulate and addend exclude each other');
    }
  },
  flops(args) {
    const [m, n, k] = gemmExtents(args);
    return 2 * m * n * k;
  },
  scratch(args, threads) {
    const [m, n, k] = gemmExtents(args);
    return threads * gemmPanelBytes(m, n, k);
  },
};

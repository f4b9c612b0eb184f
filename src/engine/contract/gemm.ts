import { ShapeError } from '../errors.js';
import type { Tensor } from '../tensor.js';
import { expectFloats, matrix, type OpSpec, require } from './spec.js';

/**
 * Matrix product C = op(A)·op(B), optionally plus C or plus an addend; op(X) is X or Xᵀ.
 *
 * Each tensor is f32 or bf16, in any mix. Sums are f32 and rounded once, to the nearest, where `out` is bf16: over K in
 * blocks (see `gemmDepth`), each a sequential fused multiply-add. The bits of a result do not depend on tiles, threads or
 * instruction set; with one exception: where `a` and `b` are both bf16, `avx512bf16` uses the processor's products of pairs,
 * which take denormals as 0 and round in an order of their own (blocks of twice the depth); results that are denormal in bf16
 * become 0. Its bits are then its own, still the same for any number of threads.
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
  if (k !== kOfB) throw new ShapeError(`gemm: inner extents differ, ${k} in a and ${kOfB} in b`);
  return [m, n, k];
}

/**
 * Depth of one K block: `gemmDepth` while at least two blocks remain, half of the rest (rounded up to 16) when between one and
 * two remain, else all of it. The rule is the same on every instruction set, so that they share bits.
 */
export const gemmDepth = 512;

/**
 * Rows of A and columns of B that are packed at a time; `columnUnit` is the widest register tile of any instruction set,
 * `slack` the floats that stores of whole vectors may reach beyond a packed operand. A product with at most `fewColumns`
 * columns, and more rows, is computed as its transpose.
 */
export const gemmBlock = { rows: 280, columns: 1024, columnUnit: 32, slack: 16, fewColumns: 16 } as const;

/**
 * Bytes of the packed operands. Each thread has its own block of A; with few rows also one panel of B, which is packed
 * just before its only use; with many rows all threads share one block of B. Where `out` is bf16 and K has several blocks,
 * the sums between them are kept in f32 for one block of columns.
 */
export function gemmScratchBytes(args: GemmArgs, threads: number): number {
  const { rows, columns, columnUnit, slack, fewColumns } = gemmBlock;
  const [outRows, outColumns, k] = gemmExtents(args);
  const swapped = outColumns <= fewColumns && outColumns < outRows;
  const [m, n] = swapped ? [outColumns, outRows] : [outRows, outColumns];
  const roundUp = (value: number, unit: number) => Math.ceil(value / unit) * unit;
  const depth = Math.min(k, gemmDepth);
  const width = Math.min(roundUp(n, columnUnit), columns);
  const tiles = roundUp(Math.min(m, rows) * depth + slack, slack);
  const sums = args.out.dtype === 'bf16' && k > gemmDepth ? roundUp(m * width, slack) : 0;
  const fewRows = m <= rows;
  return 4 * (fewRows ? threads * (tiles + columnUnit * depth + sums) : threads * tiles + width * depth + sums);
}

export const gemm: OpSpec<GemmArgs> = {
  access: { a: 'read', b: 'read', out: 'write', addend: 'read' },
  check(args) {
    const [m, n, k] = gemmExtents(args);
    expectFloats('gemm a', args.a, args.transA ? [k, m] : [m, k]);
    expectFloats('gemm b', args.b, args.transB ? [n, k] : [k, n]);
    expectFloats('gemm out', args.out, [m, n]);
    if (args.addend) {
      expectFloats('gemm addend', args.addend, [m, n]);
      require(!args.accumulate, 'gemm: accumulate and addend exclude each other');
    }
  },
  flops(args) {
    const [m, n, k] = gemmExtents(args);
    return 2 * m * n * k;
  },
  scratch: gemmScratchBytes,
};

import type { Engine, RandomKey, Tensor } from '../engine/index.js';

/**
 * Where the directions of a sketch come from: `range-finder`: the leading directions of the layer's own input; `prac` (PRAC,
 * arXiv 2602.23111): half of them leading ones, the other half random and orthogonal to those.
 */
export const dataBases = ['range-finder', 'prac'] as const;
export type DataBasis = (typeof dataBases)[number];

/** Subspace iterations with the input of one micro-batch, each starting from where the last one ended. */
const iterations = 2;

/** r1 of `prac`, the leading directions among r. */
export function leadingDirections(rank: number): number {
  return Math.ceil(rank / 2);
}

/**
 * P [n, r] ← directions of the input X [N, n], starting from the P before: Y = Xᵀ·(X·P), P = orth(Y), which is subspace iteration
 * on XᵀX (arXiv 0909.4061).
 *
 * `range-finder` gives √(n/r)·Q, so that updates have the size that random projections give them. `prac` gives [Q1, √k·Q2] with
 * Q2 random in the complement of Q1 and k = (n − r1)/(r − r1), so that E[P·Pᵀ] = I.
 */
export function renewBasis(engine: Engine, basis: DataBasis, x: Tensor, p: Tensor, key: RandomKey): void {
  if (p.dtype === 'f32') {
    followInput(engine, basis, x, p, key);
    return;
  }
  // Columns are orthogonal to what they are rounded to at last: not to bf16 between iterations.
  const exact = engine.allocate({ shape: p.shape, role: 'workspace', name: 'basis.exact' });
  engine.run('copy', { x: p, out: exact });
  followInput(engine, basis, x, exact, key);
  engine.run('copy', { x: exact, out: p });
  engine.release(exact);
}

function followInput(engine: Engine, basis: DataBasis, x: Tensor, p: Tensor, key: RandomKey): void {
  const [inputSize, rank] = p.shape;
  const prac = basis === 'prac';
  const room = (shape: readonly number[], part: string) =>
    engine.allocate({ shape, role: 'workspace', name: `basis.${part}` });
  const z = room([x.shape[0], rank], 'sketch');
  for (let iteration = 0; iteration < iterations; iteration++) {
    engine.run('gemm', { a: x, b: p, out: z });
    engine.run('gemm', { a: x, b: z, transA: true, out: p });
    const last = iteration === iterations - 1;
    engine.run('orthonormalize', { x: p, factor: last && !prac ? Math.sqrt(inputSize / rank) : 1 });
  }
  engine.release(z);
  if (!prac) return;
  const leading = leadingDirections(rank);
  const weights = room([rank], 'weights');
  const weighted = (columns: Tensor, first: number, rest: number) => {
    engine.write(
      weights,
      Float32Array.from({ length: rank }, (_, column) => (column < leading ? first : rest)),
    );
    engine.run('scaleColumns', { x: columns, factors: weights });
  };
  const random = room(p.shape, 'random');
  engine.run('random', { out: random, family: 'gaussian', key, deviation: 1 });
  weighted(random, 0, 1);
  weighted(p, 1, 0);
  engine.run('add', { a: p, b: random, out: p });
  engine.release(random);
  // Column by column: what is random loses its parts along the leading directions.
  engine.run('orthonormalize', { x: p, factor: 1 });
  if (rank > leading) weighted(p, 1, Math.sqrt((inputSize - leading) / (rank - leading)));
  engine.release(weights);
}

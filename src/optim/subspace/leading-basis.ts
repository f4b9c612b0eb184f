import type { Engine, RandomKey, Tensor } from '../../engine/index.js';
import type { ProjectedSide } from './side.js';

/** `svd`: the randomized SVD with oversampling and power iterations; `range-finder`: the same without either. */
export const basisKinds = ['svd', 'range-finder'] as const;
export type BasisKind = (typeof basisKinds)[number];

const oversampling = 8;
const powerIterations = 2;

/**
 * basis [r, smaller side] ← the leading singular vectors of G on its smaller side, as rows, by the randomized SVD (Halko,
 * Martinsson & Tropp, arXiv 0909.4061): Y = orth(A·Ω), for each power iteration Y ← orth(A·orth(Aᵀ·Y)), then the right singular
 * vectors of the small matrix Yᵀ·A. A is G, or Gᵀ where G has fewer rows than columns. With r + 8 ≥ the smaller side this is
 * the exact SVD.
 */
export function leadingBasis(
  engine: Engine,
  side: ProjectedSide,
  gradient: Tensor,
  basis: Tensor,
  kind: BasisKind,
  key: RandomKey,
): void {
  const svd = kind === 'svd';
  const width = Math.min(basis.shape[0] + (svd ? oversampling : 0), side.smaller);
  // f32 whatever the gradient is stored in: iterations and rotations would add up their roundings.
  const workspace = (shape: readonly number[]) => engine.allocate({ shape, role: 'workspace', name: 'subspace' });
  const narrow = workspace([side.smaller, width]);
  const range = workspace([side.larger, width]);
  const orthonormalize = (x: Tensor) => engine.run('orthonormalize', { x, factor: 1 });
  const toRange = () => {
    engine.run('gemm', { a: gradient, b: narrow, transA: !side.right, out: range });
    orthonormalize(range);
  };
  engine.run('random', { out: narrow, family: 'gaussian', key, deviation: 1 });
  toRange();
  for (let iteration = 0; svd && iteration < powerIterations; iteration++) {
    engine.run('gemm', { a: gradient, b: range, transA: side.right, out: narrow });
    orthonormalize(narrow);
    toRange();
  }
  engine.release(narrow);
  const small = workspace([width, side.smaller]);
  engine.run('gemm', { a: range, b: gradient, transA: true, transB: !side.right, out: small });
  engine.release(range);
  engine.run('singularVectors', { x: small, out: basis });
  engine.release(small);
}

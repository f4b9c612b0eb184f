import type { Engine, Tensor } from '../../engine/index.js';

/** A gradient G [a, c] is projected on its smaller side: R = G·P, [a, r], where a ≥ c (`right`), else R = Pᵀ·G, [r, c]. */
export interface ProjectedSide {
  readonly right: boolean;
  readonly smaller: number;
  readonly larger: number;
  /** Shape of R. */
  readonly projected: readonly [number, number];
}

export function smallerSide(shape: readonly number[]): {
  readonly right: boolean;
  readonly smaller: number;
  readonly larger: number;
} {
  const [rows, columns] = shape;
  const right = rows >= columns;
  return { right, smaller: right ? columns : rows, larger: right ? rows : columns };
}

export function projectedSide(shape: readonly number[], rank: number): ProjectedSide {
  const side = smallerSide(shape);
  return { ...side, projected: side.right ? [side.larger, rank] : [rank, side.larger] };
}

/** R from G and P's rows, basis = Pᵀ [r, smaller side]. */
export function projectGradient(
  engine: Engine,
  side: ProjectedSide,
  gradient: Tensor,
  basis: Tensor,
  out: Tensor,
): void {
  if (side.right) engine.run('gemm', { a: gradient, b: basis, transB: true, out });
  else engine.run('gemm', { a: basis, b: gradient, out });
}

/** W ← W + the update R, brought back to the weight's shape: R·Pᵀ or P·R. */
export function liftUpdate(engine: Engine, side: ProjectedSide, update: Tensor, basis: Tensor, weight: Tensor): void {
  if (side.right) engine.run('gemm', { a: update, b: basis, out: weight, accumulate: true });
  else engine.run('gemm', { a: basis, transA: true, b: update, out: weight, accumulate: true });
}

import { z } from 'zod';
import type { RandomKey, Tensor } from '../../engine/index.js';
import { type Direction, type GradientSpace, newState, stateOf } from '../direction.js';
import { adamDirection } from './adam.js';

export const muonSchema = z.strictObject({
  name: z.literal('muon'),
  /** μ of M ← μ·M + (1−μ)·G. */
  momentum: z.number().min(0).lt(1),
  /** Orthogonalise μ·M + (1−μ)·G instead of M. */
  nesterov: z.boolean(),
  /** Newton-Schulz steps. */
  iterations: z.number().int().positive(),
  /** Root mean square of the update's entries; 0.2 lets Muon use AdamW's learning rate and decay. */
  updateRms: z.number().positive(),
});
export type MuonSpec = z.infer<typeof muonSchema>;

export const muonDefaults: MuonSpec = { name: 'muon', momentum: 0.95, nesterov: true, iterations: 5, updateRms: 0.2 };

/** Coefficients of Y ← a·Y + (b·A + c·A²)·Y with A = Y·Yᵀ: singular values from about 0.01 to 1 end near 1. */
const [a, b, c] = [3.4445, -4.775, 2.0315];

/**
 * Muon (arXiv 2502.16982) for matrices, dense or compressed: the momentum's singular values are all moved near 1. One state of the
 * gradient's shape and no second moment. Vectors keep Adam.
 */
export function muonDirection(space: GradientSpace, spec: MuonSpec): Direction {
  const { engine, shape } = space;
  const { momentum, nesterov, iterations, updateRms } = spec;
  const [rows, columns] = shape;
  if (shape.length !== 2) return adamDirection(space);
  const moment = newState(space, 'momentum_buffer', shape);
  // An orthogonal matrix has entries of root mean square 1/√max(rows, columns).
  const size = updateRms * Math.sqrt(Math.max(rows, columns));
  return {
    ...stateOf(space, { momentum_buffer: moment }),
    take(gradient, factor, { gradientScale, rounding }) {
      const byChance = rounding && { rounding };
      if (gradientScale) engine.run('scale', { x: gradient, factor: 1, by: gradientScale });
      engine.run('axpby', { x: gradient, out: moment, alpha: 1 - momentum, beta: momentum });
      if (nesterov) {
        engine.run('axpby', { x: moment, out: gradient, alpha: momentum, beta: 1 - momentum, ...byChance });
      } else engine.run('copy', { x: moment, out: gradient });
      orthogonalize(space, gradient, iterations, byChance);
      engine.run('scale', { x: gradient, factor: factor * size });
    },
  };
}

/**
 * x ← nearly U·Vᵀ of x = U·Σ·Vᵀ by Newton-Schulz steps, on the smaller side; `byChance` rounds them in bf16. What the steps
 * work with is stored as x is: they need no more than bf16 (arXiv 2502.16982), in which products are faster.
 */
function orthogonalize(
  { engine, name }: GradientSpace,
  x: Tensor,
  iterations: number,
  byChance: { readonly rounding: RandomKey } | undefined,
): void {
  const [rows, columns] = x.shape;
  const side = Math.min(rows, columns);
  const room = (part: string, shape: readonly number[]) =>
    engine.allocate({ shape, dtype: x.dtype, role: 'workspace', name: `${name}.newton_schulz.${part}` });
  const gram = room('gram', [side, side]);
  const polynomial = room('polynomial', [side, side]);
  const next = room('next', x.shape);
  const wide = rows <= columns;
  engine.run('normalize', { x, factor: 1, epsilon: 1e-12 });
  for (let i = 0; i < iterations; i++) {
    engine.run('gemm', { a: x, b: x, transA: !wide, transB: wide, out: gram });
    engine.run('gemm', { a: gram, b: gram, out: polynomial });
    engine.run('axpby', { x: gram, out: polynomial, alpha: b, beta: c, ...byChance });
    engine.run('gemm', wide ? { a: polynomial, b: x, out: next } : { a: x, b: polynomial, out: next });
    engine.run('axpby', { x: next, out: x, alpha: 1, beta: a, ...byChance });
  }
  for (const tensor of [gram, polynomial, next]) engine.release(tensor);
}

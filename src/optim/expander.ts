import type { Engine, Tensor } from '../engine/index.js';
import type { ProjectionSource, Sketch } from '../keep/index.js';

/** W ← keep·W + the update, brought to the weight's shape. */
export type Expander = (update: Tensor, keep: number) => void;

/** For updates of the weight's own shape. */
export function denseExpander(engine: Engine, weight: Tensor): Expander {
  return (update, keep) => engine.run('axpby', { x: update, out: weight, alpha: 1, beta: keep });
}

/** For updates U [r, out] in the subspace of a sketch: W ← keep·W + (P·U)ᵀ, with the P [in, r] of the forward pass. */
export function sketchExpander(
  engine: Engine,
  weight: Tensor,
  sketch: Sketch,
  projections: ProjectionSource,
): Expander {
  return (update, keep) => {
    if (keep !== 1) engine.run('scale', { x: weight, factor: keep });
    projections.expand(sketch, update, weight);
  };
}

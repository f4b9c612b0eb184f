import type { Engine, Tensor } from '../engine/index.js';
import type { ProjectionSource, Sketch } from '../keep/index.js';
import type { StepContext } from './settings.js';

/** W ← keep·W + the update, brought to the weight's shape; a bf16 weight is rounded by chance. */
export type Expander = (update: Tensor, keep: number, context: StepContext) => void;

/** For updates of the weight's own shape. */
export function denseExpander(engine: Engine, weight: Tensor): Expander {
  return (update, keep, { rounding }) =>
    engine.run('axpby', { x: update, out: weight, alpha: 1, beta: keep, ...(rounding && { rounding }) });
}

/** For updates U [r, out] in the subspace of a sketch: W ← keep·W + (P·U)ᵀ, with the P [in, r] of the forward pass. */
export function sketchExpander(
  engine: Engine,
  weight: Tensor,
  sketch: Sketch,
  projections: ProjectionSource,
): Expander {
  return productExpander(engine, weight, (update, out) => projections.expand(sketch, update, out));
}

/**
 * For updates that a matrix product brings to the weight's shape.
 *
 * @param add adds the expanded update to a tensor of the weight's shape
 */
export function productExpander(engine: Engine, weight: Tensor, add: (update: Tensor, out: Tensor) => void): Expander {
  if (weight.dtype === 'bf16') return roundingExpander(engine, weight, add);
  return (update, keep) => {
    if (keep !== 1) engine.run('scale', { x: weight, factor: keep });
    add(update, weight);
  };
}

/**
 * For a bf16 weight the product goes to a tensor of its own first, since a product rounds to nearest, which would lose what is
 * small beside the weight.
 */
function roundingExpander(engine: Engine, weight: Tensor, add: (update: Tensor, out: Tensor) => void): Expander {
  const { shape, dtype } = weight;
  const apply = denseExpander(engine, weight);
  return (update, keep, context) => {
    const expanded = engine.allocate({ shape, dtype, role: 'workspace', name: `${weight.storage.name}.update` });
    engine.run('fill', { out: expanded, value: 0 });
    add(update, expanded);
    apply(expanded, keep, context);
    engine.release(expanded);
  };
}

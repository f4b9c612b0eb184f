import { resolveRank } from '../../keep/index.js';
import { type Direction, newState } from '../direction.js';
import { productExpander } from '../expander.js';
import { type ParameterUpdater, type UpdateTarget, weightStep } from '../parameter-updater.js';
import type { GaloreSpec } from '../update-spec.js';
import { leadingBasis } from './leading-basis.js';
import { liftUpdate, projectedSide, projectGradient, smallerSide } from './side.js';

/**
 * GaLore (arXiv 2403.03507): every T steps the leading singular vectors of the exact gradient on its smaller side become
 * the basis P; in between R = G·P or Pᵀ·G has the optimizer state, and W ← W − lr·α·(U brought back by P). The state stays as
 * it is when the basis changes. The basis is part of the checkpoint.
 *
 * @param directionOf makes the optimizer state of a shape
 */
export function galoreUpdater(
  target: UpdateTarget,
  spec: GaloreSpec,
  directionOf: (shape: readonly number[]) => Direction,
): ParameterUpdater {
  const { space, updateScale, key } = target;
  const { engine, name, weight } = space;
  const rank = resolveRank(spec.rank, smallerSide(weight.shape).smaller, name);
  const side = projectedSide(weight.shape, rank);
  // Basis and R like the gradient: projecting and lifting are then products of two matrices of one type.
  const { gradientType: dtype = 'f32' } = space;
  const basis = newState(space, 'basis', [rank, side.smaller], { dtype });
  const direction = directionOf(side.projected);
  const lift = productExpander(engine, weight, (update, out) => liftUpdate(engine, side, update, basis, out));
  const renews = (step: number) => step % spec.updateGap === 0;
  return {
    state: new Map([['basis', basis], ...direction.state]),
    renews,
    update(gradient, context) {
      if (renews(context.step))
        leadingBasis(engine, side, gradient, basis, spec.basis, key(context.step / spec.updateGap));
      const { learningRate, weightDecay } = weightStep(target, context);
      const projected = engine.allocate({ shape: side.projected, dtype, role: 'workspace', name: `${name}.projected` });
      projectGradient(engine, side, gradient, basis, projected);
      direction.take(projected, -learningRate * updateScale, context);
      lift(projected, 1 - learningRate * weightDecay, context);
      engine.release(projected);
    },
    [Symbol.dispose]() {
      engine.release(basis);
      direction[Symbol.dispose]();
    },
  };
}

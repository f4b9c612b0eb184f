import { resolveRank } from '../../keep/index.js';
import { type Direction, newState } from '../direction.js';
import { type ParameterUpdater, type UpdateTarget, weightStep } from '../parameter-updater.js';
import type { ApolloSpec } from '../update-spec.js';
import { projectedSide, projectGradient, smallerSide } from './side.js';

/**
 * APOLLO (arXiv 2412.05270): R is a random projection of the exact gradient on its smaller side, with N(0, 1/r) entries made
 * anew from the seed and changed every T steps. Adam's U on R says how much each channel of the gradient is to be scaled:
 * W ← W − lr·a·limiter(G·‖U_j‖/‖R_j‖). APOLLO-Mini is rank 1 with one factor for the whole matrix.
 *
 * @param directionOf makes the optimizer state of a shape
 */
export function apolloUpdater(
  target: UpdateTarget,
  spec: ApolloSpec,
  directionOf: (shape: readonly number[]) => Direction,
): ParameterUpdater {
  const { space, updateScale, expand, key } = target;
  const { engine, name, weight } = space;
  const rank = resolveRank(spec.rank, smallerSide(weight.shape).smaller, name);
  const side = projectedSide(weight.shape, rank);
  const previous = newState(space, 'update_norm', [1]);
  const direction = directionOf(side.projected);
  const channels = spec.scaling === 'tensor' ? 'tensor' : side.right ? 'rows' : 'columns';
  // All like the gradient, so that projecting it is a product of two matrices of one type; lengths are sums in f32.
  const { gradientType: dtype = 'f32' } = space;
  const workspace = (shape: readonly number[], what: string) =>
    engine.allocate({ shape, dtype, role: 'workspace', name: `${name}.${what}` });
  return {
    state: new Map([['update_norm', previous], ...direction.state]),
    update(gradient, context) {
      const basis = workspace([rank, side.smaller], 'projection');
      const epoch = Math.floor(context.step / spec.updateGap);
      engine.run('random', { out: basis, family: 'gaussian', key: key(epoch), deviation: 1 / Math.sqrt(rank) });
      const projected = workspace(side.projected, 'projected');
      projectGradient(engine, side, gradient, basis, projected);
      engine.release(basis);
      const update = workspace(side.projected, 'direction');
      engine.run('copy', { x: projected, out: update });
      direction.take(update, 1, context);
      engine.run('channelScale', { x: gradient, projected, direction: update, channels });
      engine.release(update);
      engine.release(projected);
      const { learningRate, weightDecay } = weightStep(target, context);
      engine.run('limitGrowth', { x: gradient, previous, factor: -learningRate * updateScale });
      expand(gradient, 1 - learningRate * weightDecay, context);
    },
    [Symbol.dispose]() {
      engine.release(previous);
      direction[Symbol.dispose]();
    },
  };
}

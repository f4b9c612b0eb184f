import type { RandomKey, Tensor } from '../engine/index.js';
import type { ProjectionSource, Sketch } from '../keep/index.js';
import type { Direction, GradientSpace, WeightStep } from './direction.js';
import type { Expander } from './expander.js';
import type { StepContext } from './settings.js';
import { type MomentRules, renewedMoments, transports } from './subspace/renewed-moments.js';
import { staggeredMoments } from './subspace/staggered-moments.js';

/** Updates one parameter from its gradients, and owns the state this takes. */
export interface ParameterUpdater extends Disposable {
  /** State tensors by the ending of their names in a checkpoint, in a fixed order. */
  readonly state: ReadonlyMap<string, Tensor>;
  /** Whether step t makes something anew that other steps do not, so that it allocates more than they do. */
  readonly renews?: (step: number) => boolean;
  /** Changes the weight. The gradient may be overwritten; the caller frees it. */
  update(gradient: Tensor, context: StepContext): void;
}

/** What an updater is made for. */
export interface UpdateTarget {
  /** Space of the gradients that backward gives. */
  readonly space: GradientSpace;
  /** How an update in that space reaches the weight. */
  readonly expand: Expander;
  /** Whether the gradient has the weight's own shape and elements. */
  readonly dense: boolean;
  /** Factor on the update: α of compressed layers. */
  readonly updateScale: number;
  /** Where moments follow the changes of a projection. */
  readonly renewal?: { readonly sketch: Sketch; readonly projections: ProjectionSource; readonly rules: MomentRules };
  /** Key of the parameter's own random numbers, anew for each epoch. */
  readonly key: (epoch: number) => RandomKey;
}

/** The common updater: a direction in the gradient's space, expanded to the weight. */
export function directedUpdater(target: UpdateTarget, plain: Direction): ParameterUpdater {
  const { expand, dense, renewal, space } = target;
  const direction = renewal ? followProjection(target, plain, renewal) : plain;
  return {
    state: direction.state,
    renews: (step) => renewal !== undefined && transports(renewal.rules, step),
    update(gradient, context) {
      const step = weightStep(target, context);
      if (dense && direction.updateDense) {
        direction.updateDense(space.weight, gradient, step, context);
        return;
      }
      direction.take(gradient, -step.learningRate * step.updateScale, context);
      expand(gradient, 1 - step.learningRate * step.weightDecay, context);
    },
    [Symbol.dispose]: () => direction[Symbol.dispose](),
  };
}

function followProjection(
  { space: { engine, name, settings } }: UpdateTarget,
  direction: Direction,
  { sketch, projections, rules }: NonNullable<UpdateTarget['renewal']>,
): Direction {
  if (rules.staggered) return staggeredMoments(engine, name, direction, sketch, settings, rules.updateGap);
  return renewedMoments(engine, name, direction, sketch, projections, rules);
}

/** Learning rate, factor and decay of a step; only tensors of two or more dimensions decay. */
export function weightStep({ updateScale, space }: UpdateTarget, { learningRate }: StepContext): WeightStep {
  const weightDecay = space.weight.shape.length >= 2 ? space.settings.weightDecay : 0;
  return { learningRate, updateScale, weightDecay };
}

import { type Direction, type GradientSpace, newState, stateOf } from '../direction.js';
import type { AdamWSettings, StepContext } from '../settings.js';

/** Adam's direction (arXiv 1412.6980, 1711.05101) with both moments of the gradient's shape. */
export function adamDirection(space: GradientSpace): Direction {
  const { engine, shape, settings, momentType: dtype = 'f32' } = space;
  const firstMoment = newState(space, 'exp_avg', shape, { dtype });
  const secondMoment = newState(space, 'exp_avg_sq', shape, { dtype });
  const moments = { firstMoment, secondMoment };
  return {
    ...stateOf(space, { exp_avg: firstMoment, exp_avg_sq: secondMoment }),
    take: (gradient, factor, context) =>
      engine.run('adamDirection', { ...adamConstants(settings, context), ...moments, gradient, factor }),
    updateDense: (weight, gradient, step, context) =>
      engine.run('adamW', { ...adamConstants(settings, context), ...moments, weight, gradient, ...step }),
  };
}

/** Adam's constants of step t, with ε moved to where the ops have it. */
export function adamConstants(
  { beta1, beta2, epsilon, epsilonForm }: AdamWSettings,
  { step, gradientScale, momentSteps, rounding }: StepContext,
) {
  const correction2 = 1 - beta2 ** ((momentSteps?.second ?? step) + 1);
  return {
    beta1,
    beta2,
    epsilon: epsilonForm === 'standard' ? epsilon : epsilon / Math.sqrt(correction2),
    correction1: 1 - beta1 ** ((momentSteps?.first ?? step) + 1),
    correction2,
    ...(gradientScale && { gradientScale }),
    ...(rounding && { rounding }),
  };
}

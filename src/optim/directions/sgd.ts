import type { Direction, GradientSpace } from '../direction.js';

/** The gradient itself, without any state; in a fused update this is LOMO (arXiv 2306.09782). */
export function sgdDirection({ engine }: GradientSpace): Direction {
  return {
    state: new Map(),
    take: (gradient, factor, { gradientScale }) =>
      engine.run('scale', { x: gradient, factor, ...(gradientScale && { by: gradientScale }) }),
    updateDense: (weight, gradient, { learningRate, updateScale, weightDecay }, { gradientScale, rounding }) =>
      engine.run('axpby', {
        x: gradient,
        out: weight,
        alpha: -learningRate * updateScale,
        beta: 1 - learningRate * weightDecay,
        ...(gradientScale && { alphaFactor: gradientScale }),
        ...(rounding && { rounding }),
      }),
    [Symbol.dispose]() {},
  };
}

import { z } from 'zod';
import { type Direction, type GradientSpace, newState, stateOf } from '../direction.js';

export const adafactorSchema = z.strictObject({
  name: z.literal('adafactor'),
  /** β of step t = 1, 2, … is 1 − t^−decayExponent. */
  decayExponent: z.number().positive(),
  /** Largest root mean square of u. */
  clipThreshold: z.number().positive(),
  /** The step is relative to the weight's root mean square, which counts as at least this. */
  minimumScale: z.number().nonnegative(),
  /** β1 of a first moment of the update; null: none is kept. */
  momentum: z.number().min(0).lt(1).nullable(),
});
export type AdafactorSpec = z.infer<typeof adafactorSchema>;

export const adafactorDefaults: AdafactorSpec = {
  name: 'adafactor',
  decayExponent: 0.8,
  clipThreshold: 1,
  minimumScale: 1e-3,
  momentum: null,
};

/** ε1: keeps rows and columns without gradients from dividing 0 by 0. */
const epsilon = 1e-30;

/**
 * Adafactor (arXiv 1804.04235), and in a fused update AdaLomo (2310.10195): the second moment of a matrix as factors of its rows
 * and columns, the update clipped by its root mean square and scaled by the weight's.
 */
export function adafactorDirection(space: GradientSpace, spec: AdafactorSpec): Direction {
  const { engine, shape, weight } = space;
  const { decayExponent, clipThreshold, minimumScale, momentum } = spec;
  const [rows, columns] = shape;
  const { moments, state } = shape.length === 2 ? factors(space, rows, columns) : whole(space);
  const firstMoment = momentum === null ? undefined : newState(space, 'exp_avg', shape);
  return {
    ...stateOf(space, { ...state, ...(firstMoment && { exp_avg: firstMoment }) }),
    take(gradient, factor, { step, gradientScale, rounding }) {
      engine.run('adafactorDirection', {
        ...moments,
        ...(gradientScale && { gradientScale }),
        gradient,
        weight,
        decay: 1 - (step + 1) ** -decayExponent,
        epsilon,
        clipThreshold,
        minimumScale,
        factor: firstMoment ? 1 : factor,
      });
      if (!firstMoment || momentum === null) return;
      engine.run('axpby', { x: gradient, out: firstMoment, alpha: 1 - momentum, beta: momentum });
      engine.run('axpby', { x: firstMoment, out: gradient, alpha: factor, beta: 0, ...(rounding && { rounding }) });
    },
  };
}

function factors(space: GradientSpace, rows: number, columns: number) {
  const rowMoment = newState(space, 'exp_avg_sq_row', [rows]);
  const columnMoment = newState(space, 'exp_avg_sq_col', [columns]);
  return {
    moments: { rowMoment, columnMoment },
    state: { exp_avg_sq_row: rowMoment, exp_avg_sq_col: columnMoment },
  };
}

function whole(space: GradientSpace) {
  const secondMoment = newState(space, 'exp_avg_sq', space.shape);
  return { moments: { secondMoment }, state: { exp_avg_sq: secondMoment } };
}

import { z } from 'zod';
import { reshape, sizeOf } from '../../engine/index.js';
import { type Direction, type GradientSpace, newState, stateOf } from '../direction.js';
import { adamConstants } from './adam.js';

export const adamMiniSchema = z.strictObject({
  name: z.literal('adam-mini'),
  /** Rows [out] of a matrix that share a second moment: 1 for one per output, a head's width for one per head. */
  rowsPerBlock: z.number().int().positive(),
});
export type AdamMiniSpec = z.infer<typeof adamMiniSchema>;

/**
 * Adam with one second moment per block of the Hessian (arXiv 2406.16793): per head or per output of a matrix, one for a whole
 * vector. In a compressed gradient [r, out] the block is an output's column.
 */
export function adamMiniDirection(space: GradientSpace, { rowsPerBlock }: AdamMiniSpec): Direction {
  const { engine, shape, settings } = space;
  const matrix = shape.length === 2 ? shape : [1, sizeOf(shape)];
  const along = shape.length === 2 ? space.outputs : 'rows';
  const blocks = along === 'columns' ? matrix[1] : shape.length === 2 ? Math.ceil(matrix[0] / rowsPerBlock) : 1;
  const firstMoment = newState(space, 'exp_avg', shape);
  const secondMoment = newState(space, 'exp_avg_sq', [blocks]);
  return {
    ...stateOf(space, { exp_avg: firstMoment, exp_avg_sq: secondMoment }),
    take: (gradient, factor, context) =>
      engine.run('adamMiniDirection', {
        ...adamConstants(settings, context),
        gradient: reshape(gradient, matrix),
        firstMoment: reshape(firstMoment, matrix),
        secondMoment,
        along,
        factor,
      }),
  };
}

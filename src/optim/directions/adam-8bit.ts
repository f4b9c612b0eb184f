import { z } from 'zod';
import { most8bitBlock, signedCodes, sizeOf, unsignedCodes } from '../../engine/index.js';
import { type Direction, type GradientSpace, newState, stateOf } from '../direction.js';
import { adamConstants, adamDirection } from './adam.js';

export const adam8bitSchema = z.strictObject({
  name: z.literal('adam8bit'),
  /** Consecutive elements that share one scale; bytes per element and moment: 1 + 4/blockSize. */
  blockSize: z.number().int().positive().max(most8bitBlock),
  /** Tensors of fewer elements keep their moments in f32. */
  minimumSize: z.number().int().nonnegative(),
});
export type Adam8bitSpec = z.infer<typeof adam8bitSchema>;

/** Published: tensors below 4096 elements stay f32. Blocks of 256 follow outliers more closely than the paper's 2048. */
export const adam8bitDefaults: Adam8bitSpec = { name: 'adam8bit', blockSize: 256, minimumSize: 4096 };

/** Adam with both moments in block-wise dynamic 8-bit codes (arXiv 2110.02861). */
export function adam8bitDirection(space: GradientSpace, { blockSize, minimumSize }: Adam8bitSpec): Direction {
  const { engine, shape, settings } = space;
  const size = sizeOf(shape);
  if (size < minimumSize) return adamDirection(space);
  const scales = [Math.ceil(size / blockSize)];
  const moments = {
    firstCodes: newState(space, 'exp_avg.codes', shape, { dtype: 'u8', value: signedCodes.zero }),
    firstScales: newState(space, 'exp_avg.scales', scales),
    secondCodes: newState(space, 'exp_avg_sq.codes', shape, { dtype: 'u8', value: unsignedCodes.zero }),
    secondScales: newState(space, 'exp_avg_sq.scales', scales),
  };
  return {
    ...stateOf(space, {
      'exp_avg.codes': moments.firstCodes,
      'exp_avg.scales': moments.firstScales,
      'exp_avg_sq.codes': moments.secondCodes,
      'exp_avg_sq.scales': moments.secondScales,
    }),
    take: (gradient, factor, context) =>
      engine.run('adam8bitDirection', {
        ...adamConstants(settings, context),
        ...moments,
        gradient,
        blockSize,
        factor,
      }),
  };
}

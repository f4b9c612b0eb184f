import { z } from 'zod';
import { InputError } from '../engine/index.js';

/** r of a projection: a fraction of the width that is projected, or the same number for all. */
export const rankSchema = z.union([
  z.strictObject({ ratio: z.number().positive().max(1) }),
  z.strictObject({ absolute: z.number().int().positive() }),
]);
export type RankSpec = z.infer<typeof rankSchema>;

/** r of a layer: ratios round half to even; 1 ≤ r ≤ n. */
export function resolveRank(rank: RankSpec, inputSize: number, where: string): number {
  const r = 'absolute' in rank ? rank.absolute : Math.max(1, roundHalfEven(rank.ratio * inputSize));
  if (r > inputSize) {
    throw new InputError(
      `rank ${r} is larger than the input width ${inputSize} of ${where}`,
      'choose a smaller --rank',
    );
  }
  return r;
}

function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  if (x - floor !== 0.5) return Math.round(x);
  return floor % 2 === 0 ? floor : floor + 1;
}

import type { Tensor } from '../tensor.js';
import type { RandomKey } from './random.js';
import { require } from './spec.js';

/**
 * Key of stochastic rounding, for ops that change a little at a time what is stored in bf16: rounding to nearest would lose
 * every change below half the distance of two bf16 numbers, while rounding up or down by chance keeps it in the mean.
 *
 * Element e is rounded with 16 random bits r: its f32 bit pattern plus r, cut to the upper 16 bits. r is one half of a word of
 * Threefry(key, (16·⌊e/64⌋ + e mod 16, stream)), namely the lower half of word 0, its upper half, the lower half of word 1,
 * its upper half for ⌊e mod 64 / 16⌋ = 0, 1, 2, 3.
 */
export interface StochasticRounding {
  /** Required where a tensor that the op updates is bf16. */
  readonly rounding?: RandomKey;
}

/** Streams of one rounding key: what an op stores is rounded independently. */
export const roundingStreams = { weight: 0, firstMoment: 1, secondMoment: 2 } as const;

/** Throws a ShapeError where a tensor to be rounded by chance is bf16 and there is no key. */
export function requireRounding(op: string, updated: readonly Tensor[], { rounding }: StochasticRounding): void {
  const stored = updated.some(({ dtype }) => dtype === 'bf16');
  require(rounding !== undefined || !stored, `${op}: bf16 needs a key for stochastic rounding`);
}

/**
 * Threefry-2x32 with 20 rounds (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): a pure function
 * from a key and a counter to two random words. Needs nothing but 32-bit arithmetic, so every engine can have it.
 */
import type { RandomKey } from './contract/random.js';

const rotations = [13, 15, 26, 6, 17, 29, 16, 24] as const;

/** Two 32-bit words for this key and counter. */
export function threefry(key: RandomKey, counter0: number, counter1: number): readonly [number, number] {
  const keys = [key[0], key[1], (key[0] ^ key[1] ^ 0x1bd11bda) >>> 0];
  let x0 = (counter0 + keys[0]) >>> 0;
  let x1 = (counter1 + keys[1]) >>> 0;
  for (let round = 0; round < 20; round++) {
    const rotation = rotations[round % 8];
    x0 = (x0 + x1) >>> 0;
    x1 = (((x1 << rotation) | (x1 >>> (32 - rotation))) ^ x0) >>> 0;
    if (round % 4 === 3) {
      const injection = (round + 1) / 4;
      x0 = (x0 + keys[injection % 3]) >>> 0;
      x1 = (x1 + keys[(injection + 1) % 3] + injection) >>> 0;
    }
  }
  return [x0, x1];
}

/** What random numbers are for; keeps streams of different purposes apart. */
export const randomDomains = {
  projection: 1,
  dropout: 2,
  rounding: 3,
  dataOrder: 4,
  init: 5,
  sampling: 6,
  blockOrder: 7,
  subspace: 8,
  keeping: 9,
  weightRounding: 10,
  masking: 11,
} as const;
export type RandomDomain = keyof typeof randomDomains;

/** Key from the user's seed; seeds up to 2^53 are told apart. */
export function seedKey(seed: number): RandomKey {
  return [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0];
}

/**
 * Key of one stream: `TF(TF(seed, (domain, group)), (epoch, 0))`.
 *
 * @param group what the stream belongs to within its domain, for example the index of a sketch group
 * @param epoch how often it was renewed, for example floor(step / updateGap)
 */
export function deriveKey(seed: number, domain: RandomDomain, group: number, epoch: number): RandomKey {
  return threefry(threefry(seedKey(seed), randomDomains[domain], group), epoch, 0);
}

/** Uniform number in (0, 1) from a random word, with 24 bits. */
export function uniform(word: number): number {
  return ((word >>> 8) + 0.5) * 2 ** -24;
}

/**
 * Permutation of 0 … length−1 by Fisher-Yates; the same key always gives the same permutation.
 */
export function permutation(key: RandomKey, length: number): Uint32Array {
  const order = Uint32Array.from({ length }, (_, index) => index);
  for (let last = length - 1; last > 0; last--) {
    const [word0, word1] = threefry(key, last, 0);
    // 53 random bits against at most 32 of range: the bias is below 2^-20.
    const other = Math.floor(((word0 * 2 ** 21 + (word1 >>> 11)) / 2 ** 53) * (last + 1));
    const value = order[last];
    order[last] = order[other];
    order[other] = value;
  }
  return order;
}

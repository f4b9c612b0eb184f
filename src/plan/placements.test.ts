import { describe, expect, it } from 'vitest';
import { deriveKey, threefry } from '../engine/index.js';
import { Placements } from './placements.js';

interface Block {
  readonly birth: number;
  readonly death: number;
  readonly bytes: number;
}

/** Blocks of all lengths of life, from one event to the whole program, in no order. */
function randomBlocks(seed: number, count: number, times: number): readonly Block[] {
  const key = deriveKey(seed, 'sampling', 0, 0);
  return Array.from({ length: count }, (_, index) => {
    const [length, at] = threefry(key, index, 0);
    const [bytes] = threefry(key, index, 1);
    const life = 1 + (length % Math.min(times, 2 ** (1 + (length % 13))));
    const birth = at % (times - life + 1);
    return { birth, death: birth + life, bytes: 256 * (1 + (bytes % 50)) };
  });
}

/** By looking at every block that is there. */
function lowestGap(placed: readonly (Block & { readonly offset: number })[], { birth, death, bytes }: Block): number {
  const together = placed.filter((other) => other.birth < death && birth < other.death);
  const fits = (offset: number) =>
    together.every((other) => offset + bytes <= other.offset || other.offset + other.bytes <= offset);
  const candidates = [0, ...together.map((other) => other.offset + other.bytes)];
  return Math.min(...candidates.filter(fits));
}

describe('placements', () => {
  it.each([1, 63, 64, 65, 1000, 5000])('find the lowest gap among all blocks of a program of %d events', (times) => {
    const placements = new Placements(times);
    const placed: (Block & { readonly offset: number })[] = [];
    for (const block of randomBlocks(times, 250, times)) {
      const offset = placements.lowestGap(block, block.bytes);
      expect(offset).toBe(lowestGap(placed, block));
      placements.add(block, offset, block.bytes);
      placed.push({ ...block, offset });
    }
  });
});

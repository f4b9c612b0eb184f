import type { MemoryPlan } from '../memory-plan.js';
import { checkpointEveryRules } from '../save-modes.js';
import type { BlockPattern } from './block-patterns.js';

/** How each block keeps what backward needs, and of how many block inputs one is kept. */
export interface Rung {
  readonly blocks: readonly BlockPattern[];
  readonly every: number;
}

/**
 * Ways of keeping for all blocks, from the fastest to the smallest, one block changed from rung to rung: first all blocks
 * keep what `patterns[0]` does; then block after block goes over to `patterns[1]`, and so on; at the end only every k-th
 * block's input is kept, for rising k.
 *
 * Early blocks go over first. What a block holds lies there from its forward to its backward, that is until all later
 * blocks are done: among plans that keep the same in another order of blocks, the one whose early blocks hold least is
 * never larger at any moment of backward.
 *
 * @param patterns from the fastest to the smallest
 */
export function makeLadder(patterns: readonly BlockPattern[], layers: number): readonly Rung[] {
  const rungs: Rung[] = [];
  for (const [index, late] of patterns.entries()) {
    const early = patterns[index + 1];
    for (let changed = 0; changed < (early ? layers : 1); changed++) {
      const blocks = Array.from({ length: layers }, (_, block) => (block < changed && early ? early : late));
      rungs.push({ blocks, every: 1 });
    }
  }
  const smallest = rungs[rungs.length - 1];
  const keptInputs = (every: number) => Math.ceil(layers / every);
  // Of those that keep as many inputs the first has the shortest ways between them.
  const everies = [2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, layers].filter(
    (every, index, all) =>
      1 < every && every <= layers && !all.slice(0, index).some((one) => keptInputs(one) === keptInputs(every)),
  );
  return [...rungs, ...everies.map((every) => ({ ...smallest, every }))];
}

/** Bytes that the blocks of a rung hold, block inputs aside. */
export function heldBytes({ blocks }: Rung): number {
  return blocks.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** The plan of a rung; blocks beside each other that keep the same share their rules. */
export function planOf(base: MemoryPlan, { blocks, every }: Rung): MemoryPlan {
  const slots = [...base.slots];
  let first = 0;
  for (const [index, pattern] of blocks.entries()) {
    if (blocks[index + 1] === pattern) continue;
    slots.push(...pattern.rules(first, index));
    first = index + 1;
  }
  return { ...base, slots: [...slots, ...checkpointEveryRules(every, blocks.length)] };
}

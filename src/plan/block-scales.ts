import type { MemoryPlan } from './memory-plan.js';

/** Matrices of the blocks: what methods of subspaces act on, as their papers do. */
export const blockMatrices = '*_proj.weight';

/** α on the updates of the blocks' matrices where neither sketches nor subspaces say what it acts on. */
export function blockScales(scale: number | undefined): MemoryPlan['updateScales'] {
  return scale === undefined ? [] : [{ match: blockMatrices, scale }];
}

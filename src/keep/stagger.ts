/** Consecutive directions of a sketch that are made anew together. */
export interface StaggeredBlock {
  /** Its place among the blocks. */
  readonly index: number;
  /** First direction. */
  readonly begin: number;
  readonly count: number;
  /** o: the block changes in the steps t > 0 with (t + o) mod T = 0. */
  readonly offset: number;
}

/** Most blocks of a sketch; more of them would make many small ops. */
const mostBlocks = 8;

/** The r directions in blocks whose turns to change are spread over the T steps of a gap. */
export function staggeredBlocks(rank: number, gap: number): readonly StaggeredBlock[] {
  const blocks = Math.min(mostBlocks, rank, gap);
  return Array.from({ length: blocks }, (_, index) => {
    const begin = Math.floor((index * rank) / blocks);
    const end = Math.floor(((index + 1) * rank) / blocks);
    return { index, begin, count: end - begin, offset: Math.floor((index * gap) / blocks) };
  });
}

/** s of a block in step t: how often it has changed, plus what its offset begins with. */
export function blockEpoch({ offset }: StaggeredBlock, step: number, gap: number): number {
  return Math.floor((step + offset) / gap);
}

/** Steps since the block changed, or since the start. */
export function blockAge({ offset }: StaggeredBlock, step: number, gap: number): number {
  return Math.min(step, (step + offset) % gap);
}

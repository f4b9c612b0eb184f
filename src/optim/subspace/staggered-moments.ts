import { type Engine, rows, type Tensor, threefry } from '../../engine/index.js';
import { blockAge, PlanError, type Sketch, staggeredBlocks } from '../../keep/index.js';
import type { Direction } from '../direction.js';
import { adamConstants } from '../directions/adam.js';
import type { AdamWSettings } from '../settings.js';

/**
 * Adam on a compressed gradient whose directions change a block at a time. Moments of the directions that stay are exactly
 * valid. Those of a changed block start again: M from 0 with its own bias correction, V from the rows that follow it, since
 * E[Ĝ_kj²] is the same for every direction k.
 *
 * @param adam owns the moments
 * @throws PlanError where the optimizer has other moments
 */
export function staggeredMoments(
  engine: Engine,
  name: string,
  adam: Direction,
  { rank }: Sketch,
  settings: AdamWSettings,
  gap: number,
): Direction {
  const [first, second] = ['exp_avg', 'exp_avg_sq'].map((ending) => adam.state.get(ending));
  if (!first || second?.shape.length !== 2 || second.shape[0] !== rank) {
    throw new PlanError(
      `plan: "${name}" has no moments by direction, which a staggered refresh needs`,
      'use AdamW, or --refresh together',
    );
  }
  const blocks = staggeredBlocks(rank, gap);
  return {
    state: adam.state,
    take(gradient, factor, context) {
      for (const block of blocks) {
        const since = blockAge(block, context.step, gap);
        const part = (tensor: Tensor) => rows(tensor, block.begin, block.count);
        if (since === 0 && context.step > 0) {
          engine.run('fill', { out: part(first), value: 0 });
          if (blocks.length > 1) inheritSquares(engine, second, block.begin, block.count);
        }
        engine.run('adamDirection', {
          ...adamConstants(settings, { ...context, momentSteps: { first: since, second: context.step } }),
          ...{ gradient: part(gradient), firstMoment: part(first), secondMoment: part(second), factor },
          // Places are counted from the start of a block: with one key all blocks would draw the same bits.
          ...(context.rounding && { rounding: threefry(context.rounding, block.index, 1) }),
        });
      }
    },
    [Symbol.dispose]: () => adam[Symbol.dispose](),
  };
}

/** Rows of V from those that follow them, which change next and so have the longest memory. */
function inheritSquares(engine: Engine, second: Tensor, begin: number, count: number): void {
  const rank = second.shape[0];
  for (let row = begin; row < begin + count; row++) {
    const from = (row + count) % rank;
    if (from !== row) engine.run('copy', { x: rows(second, from, 1), out: rows(second, row, 1) });
  }
}

import type { ChannelScaleArgs, LimitGrowthArgs } from '../contract/channel-scale.js';
import { matrix } from '../contract/spec.js';
import type { ReferenceMemory } from './memory.js';

/** x_ij ← x_ij·‖U_j‖/(‖R_j‖ + 1e-8), j the channel of the element. */
export function channelScale(memory: ReferenceMemory, args: ChannelScaleArgs): void {
  const [rows, columns] = matrix('channelScale x', args.x);
  const channelOf = (row: number, column: number) =>
    args.channels === 'rows' ? row : args.channels === 'columns' ? column : 0;
  const width = args.projected.shape[1];
  const lengths = (values: Float64Array) => {
    const squares = new Float64Array(Math.max(rows, columns));
    for (let i = 0; i < values.length; i++) squares[channelOf(Math.floor(i / width), i % width)] += values[i] ** 2;
    return squares.map(Math.sqrt);
  };
  const before = lengths(memory.floats(args.projected));
  const after = lengths(memory.floats(args.direction));
  const x = memory.floats(args.x);
  for (let i = 0; i < x.length; i++) {
    const channel = channelOf(Math.floor(i / columns), i % columns);
    x[i] *= after[channel] / (before[channel] + 1e-8);
  }
}

/** x ← factor·x/λ, λ = max(‖x‖/(previous + 1e-8), 1.01)/1.01; previous ← ‖x‖/λ. */
export function limitGrowth(memory: ReferenceMemory, { x, previous, factor }: LimitGrowthArgs): void {
  const values = memory.floats(x);
  const last = memory.floats(previous);
  const norm = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  const lambda = last[0] > 0 ? Math.max(norm / (last[0] + 1e-8), 1.01) / 1.01 : 1;
  for (let i = 0; i < values.length; i++) values[i] *= factor / lambda;
  last[0] = norm / lambda;
}

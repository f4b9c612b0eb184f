import type { RopeArgs } from '../contract/rope.js';
import { matrix } from '../contract/spec.js';
import type { ReferenceMemory } from './memory.js';

/** (x_i, x_{i+d/2}) ← (x_i·cos − x_{i+d/2}·sin, x_{i+d/2}·cos + x_i·sin) in every head; the inverse turns by −angle. */
export function rope(memory: ReferenceMemory, args: RopeArgs): void {
  const [tokens, width] = matrix('rope x', args.x);
  const [, half] = matrix('rope cos', args.cos);
  const x = memory.floats(args.x);
  const cos = memory.floats(args.cos);
  const sin = memory.floats(args.sin);
  const out = memory.floats(args.out);
  const direction = args.inverse ? -1 : 1;

  for (let token = 0; token < tokens; token++) {
    const angles = (args.positionOffset + (token % args.sequenceLength)) * half;
    for (let head = token * width; head < (token + 1) * width; head += 2 * half) {
      for (let i = 0; i < half; i++) {
        const c = cos[angles + i];
        const s = direction * sin[angles + i];
        const first = x[head + i];
        const second = x[head + half + i];
        out[head + i] = first * c - second * s;
        out[head + half + i] = second * c + first * s;
      }
    }
  }
}

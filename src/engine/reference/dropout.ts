import { type DropoutArgs, type DropoutBackwardArgs, dropoutThreshold } from '../contract/dropout.js';
import { matrix } from '../contract/spec.js';
import { threefry } from '../threefry.js';
import type { ReferenceMemory } from './memory.js';

/** out = x∘mask/(1 − p) (+ residual), the mask from the key. */
export function dropout(memory: ReferenceMemory, args: DropoutArgs): void {
  const [rows, columns] = matrix('dropout x', args.x);
  const x = memory.floats(args.x);
  const residual = memory.optionalFloats(args.residual);
  const out = memory.floats(args.out);
  const mask = args.mask && memory.bytes(args.mask);
  const threshold = dropoutThreshold(args.probability);
  const factor = 1 / (1 - args.probability);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      const words = threefry(args.key, i, 16 * Math.floor(j / 32) + (j % 16));
      const kept = words[j % 32 < 16 ? 0 : 1] >= threshold;
      const at = i * columns + j;
      if (mask) mask[at] = kept ? 1 : 0;
      out[at] = (kept ? x[at] * factor : 0) + (residual ? residual[at] : 0);
    }
  }
}

/** dx = dy∘mask/(1 − p). */
export function dropoutBackward(memory: ReferenceMemory, args: DropoutBackwardArgs): void {
  const dy = memory.floats(args.dy);
  const mask = memory.bytes(args.mask);
  const dx = memory.floats(args.dx);
  const factor = 1 / (1 - args.probability);
  for (let i = 0; i < dx.length; i++) dx[i] = mask[i] === 0 ? 0 : dy[i] * factor;
}

import { type SlopeBackwardArgs, type SlopeCodesArgs, slopeLevels, slopeThresholds } from '../contract/step-slope.js';
import type { ReferenceMemory } from './memory.js';
import { packCode, unpackCode } from './packed-codes.js';

/** How many thresholds lie below each x; compared in f32, so that all engines decide alike. */
export function slopeCodes(memory: ReferenceMemory, { x, codes, function: name }: SlopeCodesArgs): void {
  const values = memory.floats(x);
  const packed = memory.bytes(codes).fill(0);
  const thresholds = slopeThresholds(name);
  for (let i = 0; i < values.length; i++) {
    const value = Math.fround(values[i]);
    packCode(packed, i, 2, thresholds.filter((threshold) => threshold < value).length);
  }
}

/** dx = dy·level. */
export function slopeBackward(memory: ReferenceMemory, { codes, dy, dx, function: name }: SlopeBackwardArgs): void {
  const packed = memory.bytes(codes);
  const gradient = memory.floats(dy);
  const out = memory.floats(dx);
  const levels = slopeLevels(name);
  for (let i = 0; i < out.length; i++) out[i] = gradient[i] * levels[unpackCode(packed, i, 2)];
}

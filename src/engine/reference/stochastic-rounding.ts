import type { RandomKey } from '../contract/random.js';
import { roundingStreams } from '../contract/stochastic-rounding.js';
import { fromBf16Bits } from '../dtype.js';
import type { Tensor } from '../tensor.js';
import { threefry } from '../threefry.js';
import type { ReferenceMemory } from './memory.js';

const word = new DataView(new ArrayBuffer(4));

/** Stochastic rounding of a bf16 tensor, see the contract; an f32 tensor stays as it is. */
export function roundByChance(
  memory: ReferenceMemory,
  tensor: Tensor,
  stream: keyof typeof roundingStreams,
  key: RandomKey = [0, 0],
): void {
  if (tensor.dtype !== 'bf16') return;
  const values = memory.floats(tensor);
  for (let e = 0; e < values.length; e++) {
    if (Number.isNaN(values[e])) continue;
    const words = threefry(key, 16 * Math.floor(e / 64) + (e % 16), roundingStreams[stream]);
    const part = Math.floor((e % 64) / 16);
    const random = (words[part >> 1] >>> (16 * (part & 1))) & 0xffff;
    word.setFloat32(0, values[e]);
    values[e] = fromBf16Bits(((word.getUint32(0) + random) >>> 16) & 0xffff);
  }
}

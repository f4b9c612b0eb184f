import { packedBytes, type QuantizedBits, quantizedGroups, type RandomKey, sizeOf } from '../engine/index.js';
import type { Kept, Tape, Value } from '../tape/index.js';
import { keepEncodedValue } from './restoring.js';

/** Bytes of `count` numbers in codes of so many bits, with a scale and a minimum in bf16 for each group. */
export function quantizedBytes(count: number, bits: QuantizedBits): number {
  return packedBytes(count, bits) + 4 * quantizedGroups(count);
}

/**
 * `quant-q`: codes of q bits by groups of 128 numbers, stochastically rounded (Mesa, arXiv 2111.11124), shared by all slots of
 * the value. E[restored] = the value.
 */
export function keepQuantized(tape: Tape, slot: string, value: Value, bits: QuantizedBits, key: RandomKey): Kept {
  const { engine } = tape;
  value.keepEncoded(`quant-${bits}`, () => {
    const count = sizeOf(value.shape);
    const codes = engine.allocate({ shape: [packedBytes(count, bits)], dtype: 'u8', role: 'saved', name: slot });
    const scales = engine.allocate({ shape: [quantizedGroups(count), 2], dtype: 'bf16', role: 'saved', name: slot });
    engine.run('quantize', { x: value.tensor, codes, scales, bits, key });
    return {
      restore(allocate) {
        const out = allocate();
        engine.run('dequantize', { codes, scales, bits, out });
        return out;
      },
      free() {
        engine.release(codes);
        engine.release(scales);
      },
    };
  });
  return keepEncodedValue(value);
}

import type { Adam8bitDirectionArgs } from '../contract/adam-8bit.js';
import { type DynamicCodes, nearestCode, signedCodes, unsignedCodes } from '../dynamic-codes.js';
import type { ReferenceMemory } from './memory.js';

/** M and V decoded, updated and encoded again, block by block; gradient ← factor·U. */
export function adam8bitDirection(memory: ReferenceMemory, args: Adam8bitDirectionArgs): void {
  const gradient = memory.floats(args.gradient);
  const first = { codes: memory.bytes(args.firstCodes), scales: memory.floats(args.firstScales) };
  const second = { codes: memory.bytes(args.secondCodes), scales: memory.floats(args.secondScales) };
  const gradientScale = memory.optionalFloats(args.gradientScale)?.[0] ?? 1;
  const { blockSize, beta1, beta2, epsilon, correction1, correction2, factor } = args;
  for (let block = 0; block < first.scales.length; block++) {
    const begin = block * blockSize;
    const end = Math.min(gradient.length, begin + blockSize);
    const m = new Float64Array(end - begin);
    const v = new Float64Array(end - begin);
    for (let i = begin; i < end; i++) {
      const g = gradient[i] * gradientScale;
      const oldM = signedCodes.values[first.codes[i]] * first.scales[block];
      const oldV = unsignedCodes.values[second.codes[i]] * second.scales[block];
      m[i - begin] = beta1 * oldM + (1 - beta1) * g;
      v[i - begin] = beta2 * oldV + (1 - beta2) * g * g;
      gradient[i] = (factor * m[i - begin]) / correction1 / (Math.sqrt(v[i - begin] / correction2) + epsilon);
    }
    first.scales[block] = encode(signedCodes, m, first.codes.subarray(begin, end));
    second.scales[block] = encode(unsignedCodes, v, second.codes.subarray(begin, end));
    for (let i = begin; i < end; i++) {
      if (v[i - begin] > 0 && second.codes[i] === unsignedCodes.zero) second.codes[i] = unsignedCodes.zero + 1;
    }
  }
}

/** Writes the codes of a block's values; returns its scale. */
function encode(table: DynamicCodes, values: Float64Array, codes: Uint8Array): number {
  const scale = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  for (const [i, value] of values.entries()) codes[i] = scale > 0 ? nearestCode(table, value / scale) : table.zero;
  return scale;
}

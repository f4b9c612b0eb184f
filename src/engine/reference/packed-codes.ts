/** Codes of 8, 4 or 2 bits in bytes, the first in the lowest bits. */

/** Adds code number `index` to bytes that hold zeros there. */
export function packCode(packed: Uint8Array, index: number, bits: number, code: number): void {
  const bit = index * bits;
  packed[Math.floor(bit / 8)] |= code << (bit % 8);
}

export function unpackCode(packed: Uint8Array, index: number, bits: number): number {
  const bit = index * bits;
  return (packed[Math.floor(bit / 8)] >>> (bit % 8)) & (2 ** bits - 1);
}

/**
 * Reorders the rows of a query or key projection from neighbouring rotary pairs (0, 1), (2, 3), ... of each head to first
 * members, then second members, which is Hugging Face's order.
 *
 * @param weight [heads · headSize, columns], row-major
 */
export function halfSplit(weight: Float32Array, headSize: number, columns: number): Float32Array {
  const half = headSize / 2;
  const result = new Float32Array(weight.length);
  for (let row = 0; row < weight.length / columns; row++) {
    const within = row % headSize;
    const from = row - within + (within < half ? 2 * within : 2 * (within - half) + 1);
    result.set(weight.subarray(from * columns, (from + 1) * columns), row * columns);
  }
  return result;
}

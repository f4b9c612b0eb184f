/**
 * Positions as waves (Vaswani et al., arXiv 1706.03762, 3.5): row p holds a·sin(p·ω) and a·cos(p·ω) in turn, for ω from 1 down to
 * 1/10,000. A shift of the position is then one rotation for all rows.
 *
 * @param amplitude a
 * @returns [rows, width], row-major
 */
export function sinusoids(rows: number, width: number, amplitude: number): Float32Array {
  return Float32Array.from({ length: rows * width }, (_, at) => {
    const column = at % width;
    const pair = Math.floor(column / 2);
    const angle = Math.floor(at / width) * 10_000 ** ((-2 * pair) / width);
    return amplitude * (column % 2 === 0 ? Math.sin(angle) : Math.cos(angle));
  });
}

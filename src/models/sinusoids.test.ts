import { expect, it } from 'vitest';
import { sinusoids } from './sinusoids.js';

it('shifts every position by the same rotation', () => {
  const [rows, width, amplitude, shift] = [40, 10, 0.3, 7];
  const table = sinusoids(rows, width, amplitude);
  const at = (row: number, column: number) => table[row * width + column];
  for (let pair = 0; pair < width; pair += 2) {
    // Row `shift` over row 0, which is (0, a), is the rotation itself.
    const [sin, cos] = [at(shift, pair) / amplitude, at(shift, pair + 1) / amplitude];
    for (let row = 0; row + shift < rows; row++) {
      const [x, y] = [at(row, pair), at(row, pair + 1)];
      expect(at(row + shift, pair)).toBeCloseTo(x * cos + y * sin, 5);
      expect(at(row + shift, pair + 1)).toBeCloseTo(y * cos - x * sin, 5);
    }
  }
});

it('has the mean square of half its amplitude squared', () => {
  const table = sinusoids(64, 32, 2);
  expect(table.reduce((sum, x) => sum + x * x, 0) / table.length).toBeCloseTo(2, 5);
});

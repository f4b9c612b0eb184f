import { jacobiSweeps, jacobiTolerance, type SingularVectorsArgs } from '../contract/singular-vectors.js';
import { matrix } from '../contract/spec.js';
import type { ReferenceMemory } from './memory.js';

/** Right singular vectors by one-sided Jacobi; see the contract for the order of the rotations. */
export function singularVectors(memory: ReferenceMemory, args: SingularVectorsArgs): void {
  const [count, columns] = matrix('singularVectors x', args.x);
  const x = memory.floats(args.x);
  const rows = Array.from({ length: count }, (_, i) => x.subarray(i * columns, (i + 1) * columns));
  for (let sweep = 0; sweep < jacobiSweeps && sweepOnce(rows); sweep++);
  const lengths = rows.map((row) => Math.sqrt(innerProduct(row, row)));
  const order = lengths.map((_, index) => index).sort((a, b) => lengths[b] - lengths[a] || a - b);
  const out = memory.floats(args.out);
  for (let i = 0; i < args.out.shape[0]; i++) {
    const length = lengths[order[i]];
    for (let j = 0; j < columns; j++) out[i * columns + j] = length > 0 ? rows[order[i]][j] / length : 0;
  }
}

/** Every pair of rows once; whether any was turned. */
function sweepOnce(rows: readonly Float64Array[]): boolean {
  const players = rows.length + (rows.length % 2);
  const circle = players - 1;
  let turned = false;
  for (let round = 0; round < circle; round++) {
    for (let pair = 0; pair < players / 2; pair++) {
      const a = pair === 0 ? players - 1 : (round + pair) % circle;
      const b = (round + circle - pair) % circle;
      const [p, q] = a < b ? [a, b] : [b, a];
      if (q < rows.length && rotate(rows[p], rows[q])) turned = true;
    }
  }
  return turned;
}

/** Turns two rows in their plane by the smaller angle that makes them orthogonal. */
function rotate(p: Float64Array, q: Float64Array): boolean {
  const [alpha, beta, gamma] = [innerProduct(p, p), innerProduct(q, q), innerProduct(p, q)];
  if (Math.abs(gamma) <= jacobiTolerance * Math.sqrt(alpha) * Math.sqrt(beta)) return false;
  const zeta = (beta - alpha) / (2 * gamma);
  const tangent = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.sqrt(1 + zeta * zeta));
  const cosine = 1 / Math.sqrt(1 + tangent * tangent);
  const sine = cosine * tangent;
  for (let i = 0; i < p.length; i++) {
    const [x, y] = [p[i], q[i]];
    p[i] = cosine * x - sine * y;
    q[i] = sine * x + cosine * y;
  }
  return true;
}

function innerProduct(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

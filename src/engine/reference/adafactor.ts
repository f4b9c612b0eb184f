import type { AdafactorDirectionArgs } from '../contract/adafactor.js';
import type { ReferenceMemory } from './memory.js';

/** The second moment updated, factored or not; gradient ← factor · scale of the weight · clipped g/√v̂. */
export function adafactorDirection(memory: ReferenceMemory, args: AdafactorDirectionArgs): void {
  const gradient = memory.floats(args.gradient);
  const gradientScale = memory.optionalFloats(args.gradientScale)?.[0] ?? 1;
  for (let i = 0; i < gradient.length; i++) gradient[i] *= gradientScale;
  const secondMoment = secondMomentOf(memory, args, gradient);
  for (let i = 0; i < gradient.length; i++) gradient[i] /= Math.sqrt(secondMoment(i));
  const clip = Math.max(1, rootMeanSquare(gradient) / args.clipThreshold);
  const scale = (args.factor * Math.max(args.minimumScale, rootMeanSquare(memory.floats(args.weight)))) / clip;
  for (let i = 0; i < gradient.length; i++) gradient[i] *= scale;
}

/** Updates the moments; v̂ as a function of the element. */
function secondMomentOf(
  memory: ReferenceMemory,
  { rowMoment, columnMoment, secondMoment, decay, epsilon }: AdafactorDirectionArgs,
  gradient: Float64Array,
): (i: number) => number {
  if (secondMoment) {
    const v = memory.floats(secondMoment);
    for (let i = 0; i < v.length; i++) v[i] = decay * v[i] + (1 - decay) * (gradient[i] ** 2 + epsilon);
    return (i) => v[i];
  }
  const rows = memory.optionalFloats(rowMoment) ?? new Float64Array();
  const columns = memory.optionalFloats(columnMoment) ?? new Float64Array();
  const width = columns.length;
  const rowMeans = new Float64Array(rows.length);
  const columnMeans = new Float64Array(width);
  for (let i = 0; i < gradient.length; i++) {
    rowMeans[Math.floor(i / width)] += (gradient[i] ** 2 + epsilon) / width;
    columnMeans[i % width] += (gradient[i] ** 2 + epsilon) / rows.length;
  }
  for (let i = 0; i < rows.length; i++) rows[i] = decay * rows[i] + (1 - decay) * rowMeans[i];
  for (let j = 0; j < width; j++) columns[j] = decay * columns[j] + (1 - decay) * columnMeans[j];
  const mean = rows.reduce((sum, value) => sum + value, 0) / rows.length;
  return (i) => (rows[Math.floor(i / width)] * columns[i % width]) / mean;
}

function rootMeanSquare(x: Float64Array): number {
  return Math.sqrt(x.reduce((sum, value) => sum + value * value, 0) / x.length);
}

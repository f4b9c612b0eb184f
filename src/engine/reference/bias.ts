import type { AddBiasArgs, ColumnSumArgs } from '../contract/bias.js';
import { matrix } from '../contract/spec.js';
import type { ReferenceMemory } from './memory.js';

/** out[i, j] = x[i, j] + bias[j]. */
export function addBias(memory: ReferenceMemory, args: AddBiasArgs): void {
  const [rows, columns] = matrix('addBias x', args.x);
  const x = memory.floats(args.x);
  const bias = memory.floats(args.bias);
  const out = memory.floats(args.out);
  for (let i = 0; i < rows * columns; i++) out[i] = x[i] + bias[i % columns];
}

/** out[j] += Σ_i x[i, j]. */
export function columnSum(memory: ReferenceMemory, args: ColumnSumArgs): void {
  const [rows, columns] = matrix('columnSum x', args.x);
  const x = memory.floats(args.x);
  const out = memory.floats(args.out);
  for (let i = 0; i < rows * columns; i++) out[i % columns] += x[i];
}

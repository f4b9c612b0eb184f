import type { MultiplyArgs, ScaleColumnsArgs } from '../contract/products.js';
import type { ReferenceMemory } from './memory.js';

/** out = a∘b. */
export function multiply(memory: ReferenceMemory, args: MultiplyArgs): void {
  const a = memory.floats(args.a);
  const b = memory.floats(args.b);
  const out = memory.floats(args.out);
  for (let i = 0; i < out.length; i++) out[i] = a[i] * b[i];
}

/** x ← x·diag(factors). */
export function scaleColumns(memory: ReferenceMemory, args: ScaleColumnsArgs): void {
  const x = memory.floats(args.x);
  const factors = memory.floats(args.factors);
  for (let i = 0; i < x.length; i++) x[i] *= factors[i % factors.length];
}

import type { AddArgs, AxpbyArgs, CopyArgs, FillArgs, ScaleArgs } from '../contract/elementwise.js';
import type { NormalizeArgs } from '../contract/normalize.js';
import type { ReferenceMemory } from './memory.js';
import { roundByChance } from './stochastic-rounding.js';

/** out = value. */
export function fill(memory: ReferenceMemory, { out, value }: FillArgs): void {
  if (out.dtype === 'u8') memory.bytes(out).fill(value);
  else memory.floats(out).fill(value);
}

/** out = x. */
export function copy(memory: ReferenceMemory, { x, out }: CopyArgs): void {
  memory.floats(out).set(memory.floats(x));
}

/** out = a + b. */
export function add(memory: ReferenceMemory, args: AddArgs): void {
  const a = memory.floats(args.a);
  const b = memory.floats(args.b);
  const out = memory.floats(args.out);
  for (let i = 0; i < out.length; i++) out[i] = a[i] + b[i];
}

/** x ← factor·x. */
export function scale(memory: ReferenceMemory, args: ScaleArgs): void {
  const x = memory.floats(args.x);
  const factor = args.factor * (memory.optionalFloats(args.by)?.[0] ?? 1);
  for (let i = 0; i < x.length; i++) x[i] *= factor;
}

/** x ← factor·x / (‖x‖ + ε). */
export function normalize(memory: ReferenceMemory, args: NormalizeArgs): void {
  const x = memory.floats(args.x);
  const norm = Math.sqrt(x.reduce((sum, value) => sum + value * value, 0));
  for (let i = 0; i < x.length; i++) x[i] *= args.factor / (norm + args.epsilon);
}

/** out ← beta·out + alpha·x. */
export function axpby(memory: ReferenceMemory, args: AxpbyArgs): void {
  const x = memory.floats(args.x);
  const out = memory.floats(args.out);
  const alpha = args.alpha * (memory.optionalFloats(args.alphaFactor)?.[0] ?? 1);
  for (let i = 0; i < out.length; i++) out[i] = args.beta * out[i] + alpha * x[i];
  roundByChance(memory, args.out, 'weight', args.rounding);
}

import type { SiluArgs, SwigluArgs, SwigluBackwardArgs } from '../contract/swiglu.js';
import type { ReferenceMemory } from './memory.js';

/** out = x·σ(x). */
export function silu(memory: ReferenceMemory, args: SiluArgs): void {
  const x = memory.floats(args.x);
  const out = memory.floats(args.out);
  for (let i = 0; i < out.length; i++) out[i] = x[i] * sigmoid(x[i]);
}

/** a = g·σ(g), p = a∘u. */
export function swiglu(memory: ReferenceMemory, args: SwigluArgs): void {
  const gate = memory.floats(args.gate);
  const up = memory.floats(args.up);
  const out = memory.floats(args.out);
  const activated = memory.optionalFloats(args.activated);
  for (let i = 0; i < out.length; i++) {
    const a = gate[i] * sigmoid(gate[i]);
    if (activated) activated[i] = a;
    out[i] = a * up[i];
  }
}

/** du = dp∘a, dg = dp∘u∘σ∘(1 + g∘(1−σ)). */
export function swigluBackward(memory: ReferenceMemory, args: SwigluBackwardArgs): void {
  const gate = memory.floats(args.gate);
  const up = memory.floats(args.up);
  const activated = memory.optionalFloats(args.activated);
  const dy = memory.floats(args.dy);
  const dGate = memory.floats(args.dGate);
  const dUp = memory.floats(args.dUp);
  for (let i = 0; i < dy.length; i++) {
    const g = gate[i];
    const s = sigmoid(g);
    // All are read before either output is written, which may take their place.
    const u = up[i];
    const dp = dy[i];
    dUp[i] = dp * (activated ? activated[i] : g * s);
    dGate[i] = dp * u * s * (1 + g * (1 - s));
  }
}

/** σ(x) = 1 / (1 + e^−x). */
function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

import type { Tape } from '../tape.js';
import type { Value } from '../value.js';
import { multiply, silu } from './activation.js';

/**
 * SwiGLU, p = SiLU(g)∘u. Keeps `${slot}.gate` and `${slot}.up`; and `${slot}.activated` = SiLU(g), the copy that usual
 * frameworks keep, where the plan stores it. Where the plan keeps only the derivative of SiLU, the op falls into its two
 * parts, so that p can be made again without g.
 *
 * @param slot for example `layers.0.mlp`
 * @param gate g, [N, m]
 * @param up u, [N, m]
 */
export function swiglu(tape: Tape, slot: string, gate: Value, up: Value): Value {
  if (tape.keeper?.keepsSlope(`${slot}.gate`)) {
    const activated = silu(tape, slot, gate);
    const product = multiply(tape, slot, activated, up);
    tape.release(activated);
    return product;
  }
  const { engine } = tape;
  const storesActivated = tape.keeper?.wants(`${slot}.activated`) ?? false;
  const [p, activated] = tape.apply({
    cost: 'elementwise',
    inputs: [gate, up],
    outputs: [
      { name: `${slot}.product`, shape: gate.shape },
      ...(storesActivated ? [{ name: `${slot}.activated`, shape: gate.shape }] : []),
    ],
    run: ([g, u], [out, a]) => engine.run('swiglu', { gate: g, up: u, out, ...(a && { activated: a }) }),
  });
  if (p.requiresGradient) {
    const keptGate = tape.keep(`${slot}.gate`, gate);
    const keptUp = tape.keep(`${slot}.up`, up);
    const keptActivated = storesActivated ? tape.keep(`${slot}.activated`, activated) : undefined;
    const kept = [keptGate, keptUp, ...(keptActivated ? [keptActivated] : [])];
    tape.record(kept, [], () => {
      const dy = tape.takeWritableGradient(p);
      const dUp = tape.allocate(`${up.name}.gradient`, up);
      engine.run('swigluBackward', {
        gate: keptGate.restore(),
        up: keptUp.restore(),
        dy,
        dGate: dy,
        dUp,
        ...(keptActivated && { activated: keptActivated.restore() }),
      });
      for (const one of kept) one.release();
      tape.passGradient(gate, dy);
      tape.passGradient(up, dUp);
    });
  }
  if (activated) tape.release(activated);
  return p;
}

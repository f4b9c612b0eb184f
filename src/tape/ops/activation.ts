import { LifetimeError } from '../../engine/index.js';
import type { Tape } from '../tape.js';
import type { Value } from '../value.js';

/**
 * SiLU by itself, a = g·σ(g), where the plan keeps only its derivative: of `${slot}.gate` no more than that is kept.
 *
 * @param gate g, any shape
 */
export function silu(tape: Tape, slot: string, gate: Value): Value {
  const { engine } = tape;
  const [out] = tape.apply({
    cost: 'elementwise',
    inputs: [gate],
    outputs: [{ name: `${slot}.activated`, shape: gate.shape }],
    run: ([x], [y]) => engine.run('silu', { x, out: y }),
  });
  if (out.requiresGradient) {
    if (!tape.keeper) throw new LifetimeError(`nothing is kept in inference ("${slot}")`);
    const slope = tape.keeper.keepSlope(tape, `${slot}.gate`, gate, 'silu');
    tape.record([slope], [], () => {
      const gradient = tape.takeWritableGradient(out);
      slope.multiply(gradient, gradient);
      slope.release();
      tape.passGradient(gate, gradient);
    });
  }
  return out;
}

/**
 * Product of two values, p = a∘u. Keeps `${slot}.activated` and `${slot}.up`.
 *
 * @param a any shape
 * @param u the same shape
 */
export function multiply(tape: Tape, slot: string, a: Value, u: Value): Value {
  const { engine } = tape;
  const [out] = tape.apply({
    cost: 'elementwise',
    inputs: [a, u],
    outputs: [{ name: `${slot}.product`, shape: a.shape }],
    run: ([x, y], [product]) => engine.run('multiply', { a: x, b: y, out: product }),
  });
  if (out.requiresGradient) {
    const keptA = tape.keep(`${slot}.activated`, a);
    const keptU = tape.keep(`${slot}.up`, u);
    tape.record([keptA, keptU], [], () => {
      const dy = tape.takeWritableGradient(out);
      const dU = tape.allocate(`${u.name}.gradient`, u);
      engine.run('multiply', { a: dy, b: keptA.restore(), out: dU });
      engine.run('multiply', { a: dy, b: keptU.restore(), out: dy });
      keptA.release();
      keptU.release();
      tape.passGradient(a, dy);
      tape.passGradient(u, dU);
    });
  }
  return out;
}

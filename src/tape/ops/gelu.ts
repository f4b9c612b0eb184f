import type { GeluForm } from '../../engine/index.js';
import type { Tape } from '../tape.js';
import type { Value } from '../value.js';

/**
 * GELU. Keeps its input under `slot` itself, as it is the output of a layer that the plan knows by that name; where the plan has
 * two bits of the derivative for `${slot}.derivative` (ReGELU2), these in its place.
 *
 * @param slot for example `layers.0.mlp.up`
 */
export function gelu(tape: Tape, slot: string, x: Value, form: GeluForm): Value {
  const { engine } = tape;
  const [out] = tape.apply({
    cost: 'elementwise',
    inputs: [x],
    outputs: [{ name: `${slot}.gelu`, shape: x.shape }],
    run: ([input], [output]) => engine.run('gelu', { x: input, out: output, form }),
  });
  const { keeper } = tape;
  if (out.requiresGradient && keeper?.keepsSlope(`${slot}.derivative`)) {
    const slope = keeper.keepSlope(tape, `${slot}.derivative`, x, 'gelu');
    tape.record([slope], [], () => {
      const gradient = tape.takeWritableGradient(out);
      slope.multiply(gradient, gradient);
      slope.release();
      tape.passGradient(x, gradient);
    });
  } else if (out.requiresGradient) {
    const kept = tape.keep(slot, x);
    tape.record([kept], [], () => {
      const gradient = tape.takeWritableGradient(out);
      engine.run('geluBackward', { x: kept.restore(), dy: gradient, dx: gradient, form });
      kept.release();
      tape.passGradient(x, gradient);
    });
  }
  return out;
}

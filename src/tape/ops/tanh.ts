import type { Tape } from '../tape.js';
import type { Value } from '../value.js';

/** tanh. Takes over `x`; keeps its output, from which the derivative follows, as `${slot}.output`. */
export function tanh(tape: Tape, slot: string, x: Value): Value {
  const { engine } = tape;
  const [out] = tape.apply({
    cost: 'elementwise',
    inputs: [x],
    outputs: [{ name: `${slot}.output`, shape: x.shape }],
    takesOver: true,
    run: ([input], [output]) => engine.run('tanh', { x: input, out: output }),
  });
  if (out.requiresGradient) {
    const kept = tape.keep(`${slot}.output`, out);
    tape.record([kept], [], () => {
      const gradient = tape.takeWritableGradient(out);
      engine.run('tanhBackward', { y: kept.restore(), dy: gradient, dx: gradient });
      kept.release();
      tape.passGradient(x, gradient);
    });
  }
  return out;
}

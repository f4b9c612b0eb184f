import type { Tape } from '../tape.js';
import type { Value } from '../value.js';

/** a + b, same shapes. Takes over `a` (the caller's hold passes to the op); keeps nothing. */
export function add(tape: Tape, slot: string, a: Value, b: Value): Value {
  const { engine } = tape;
  const [out] = tape.apply({
    cost: 'elementwise',
    inputs: [a, b],
    outputs: [{ name: `${slot}.output`, shape: a.shape }],
    takesOver: true,
    run: ([x, y], [sum]) => engine.run('add', { a: x, b: y, out: sum }),
  });
  if (out.requiresGradient) {
    tape.record([], [], () => {
      const gradient = tape.takeGradient(out);
      tape.passGradient(a, engine.retain(gradient));
      tape.passGradient(b, gradient);
    });
  }
  return out;
}

import type { Tensor } from '../../engine/index.js';
import type { Tape } from '../tape.js';
import type { Value } from '../value.js';

/** Angles of rotary position embedding: cos and sin of position·frequency, [positions, d/2] each. */
export interface RopeTables {
  readonly cos: Tensor;
  readonly sin: Tensor;
}

/**
 * Rotary position embedding. Takes over `x` (the caller's hold passes to the op) and rotates in place where nobody else
 * holds it. Keeps nothing: the backward of a rotation is the inverse rotation.
 *
 * @param x [N, heads·d]
 * @param sequenceLength row i has position `positionOffset + i mod sequenceLength`
 */
export function rope(
  tape: Tape,
  slot: string,
  x: Value,
  tables: RopeTables,
  sequenceLength: number,
  positionOffset = 0,
): Value {
  const { engine } = tape;
  const shared = { ...tables, sequenceLength, positionOffset };
  const [out] = tape.apply({
    cost: 'elementwise',
    inputs: [x],
    outputs: [{ name: `${slot}.rotated`, shape: x.shape }],
    takesOver: true,
    run: ([input], [output]) => engine.run('rope', { ...shared, x: input, out: output, inverse: false }),
  });
  if (out.requiresGradient) {
    tape.record([], [], () => {
      const gradient = tape.takeWritableGradient(out);
      engine.run('rope', { ...shared, x: gradient, out: gradient, inverse: true });
      tape.passGradient(x, gradient);
    });
  }
  return out;
}

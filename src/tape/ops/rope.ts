import { rows, type Tensor } from '../../engine/index.js';
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
    runRows(start, [input], [output]) {
      for (const piece of sequencePieces(start, input.shape[0], sequenceLength)) {
        engine.run('rope', {
          ...tables,
          x: rows(input, piece.start, piece.count),
          out: rows(output, piece.start, piece.count),
          sequenceLength: Math.min(piece.count, sequenceLength),
          positionOffset: positionOffset + piece.position,
          inverse: false,
        });
      }
    },
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

/** Consecutive rows cut into the rest of a sequence, whole sequences, and the beginning of one. */
function* sequencePieces(first: number, count: number, sequenceLength: number) {
  for (let start = 0; start < count; ) {
    const position = (first + start) % sequenceLength;
    const left = count - start;
    const whole = left - (left % sequenceLength);
    const size = position > 0 ? Math.min(left, sequenceLength - position) : whole > 0 ? whole : left;
    yield { start, count: size, position };
    start += size;
  }
}

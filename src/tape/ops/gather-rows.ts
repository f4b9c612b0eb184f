import type { Tape } from '../tape.js';
import type { Value } from '../value.js';

/**
 * Rows of a matrix by their numbers, out[i] = x[ids[i]]: the tokens that a head reads. Keeps the numbers (4 bytes per row).
 *
 * @param x [N, n]
 * @param ids [P], i32
 * @returns [P, n]
 */
export function gatherRows(tape: Tape, slot: string, x: Value, ids: Value): Value {
  const { engine } = tape;
  const [out] = tape.apply({
    cost: 'elementwise',
    inputs: [ids, x],
    outputs: [{ name: `${slot}.output`, shape: [ids.shape[0], x.shape[1]], dtype: x.dtype }],
    run: ([rows, table], [gathered]) => engine.run('embedding', { ids: rows, table, out: gathered }),
  });
  if (out.requiresGradient) {
    const kept = tape.keep(`${slot}.ids`, ids);
    tape.record([kept], [], () => {
      const dy = tape.takeGradient(out);
      tape.addGradient(x, (dTable, accumulate) => {
        if (!accumulate) engine.run('fill', { out: dTable, value: 0 });
        engine.run('embeddingBackward', { ids: kept.restore(), dy, dTable });
      });
      kept.release();
      engine.release(dy);
    });
  }
  return out;
}

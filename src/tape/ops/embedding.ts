import type { Parameter } from '../parameter.js';
import type { Tape } from '../tape.js';
import type { Value } from '../value.js';

/**
 * Embedding, out[i] = table[ids[i]]. Keeps the ids (4 bytes per token).
 *
 * @param slot for example `embed_tokens`
 * @param ids [N], i32
 * @param table [V, n]
 */
export function embedding(tape: Tape, slot: string, ids: Value, table: Parameter): Value {
  const { engine } = tape;
  const [out] = tape.apply({
    cost: 'elementwise',
    inputs: [ids],
    parameters: [table],
    outputs: [{ name: `${slot}.output`, shape: [ids.shape[0], table.tensor.shape[1]], dtype: table.tensor.dtype }],
    run: ([idsTensor], [outTensor]) => engine.run('embedding', { ids: idsTensor, table: table.tensor, out: outTensor }),
  });
  if (out.requiresGradient) {
    const kept = tape.keep(`${slot}.ids`, ids);
    tape.record([kept], [table], () => {
      const dy = tape.takeGradient(out);
      tape.addToParameterGradient(table, (dTable) =>
        engine.run('embeddingBackward', { ids: kept.restore(), dy, dTable }),
      );
      kept.release();
      engine.release(dy);
    });
  }
  return out;
}

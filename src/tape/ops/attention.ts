import type { AttentionDropout, Tensor } from '../../engine/index.js';
import type { Tape } from '../tape.js';
import type { Value } from '../value.js';

/** How many sequences and heads the rows and columns of q, k, v hold. */
export interface AttentionOptions {
  readonly batch: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly causal: boolean;
  /** [B·Tq, 2], i32: keys that each query sees, from and up to; has to live until backward is done. */
  readonly keyRanges?: Tensor | undefined;
  /** Of the probabilities; the mask is made again in backward. */
  readonly dropout?: AttentionDropout | undefined;
}

/**
 * Attention without the T×T matrix, scores scaled by 1/√d. Keeps `${slot}.query`, `.key`, `.value`, `.output` and the
 * log-sum-exp of the score rows.
 *
 * @param query [B·Tq, heads·d]
 * @param key [B·Tk, keyValueHeads·d]
 * @param value [B·Tk, keyValueHeads·d]
 * @returns [B·Tq, heads·d]
 */
export function attention(
  tape: Tape,
  slot: string,
  query: Value,
  key: Value,
  value: Value,
  options: AttentionOptions,
): Value {
  const { engine } = tape;
  const [rows, width] = query.shape;
  const { keyRanges, ...heads } = options;
  const shape = { ...heads, scale: 1 / Math.sqrt(width / options.heads), ...(keyRanges && { keyRanges }) };
  const [out, logSumExp] = tape.apply({
    cost: 'gemm',
    inputs: [query, key, value],
    outputs: [
      { name: `${slot}.output`, shape: query.shape },
      { name: `${slot}.log_sum_exp`, shape: [rows, options.heads], dtype: 'f32' },
    ],
    run: ([q, k, v], [o, lse]) =>
      engine.run('attention', { ...shape, query: q, key: k, value: v, out: o, logSumExp: lse }),
  });
  if (out.requiresGradient) {
    const kept = {
      query: tape.keep(`${slot}.query`, query),
      key: tape.keep(`${slot}.key`, key),
      value: tape.keep(`${slot}.value`, value),
      out: tape.keep(`${slot}.output`, out),
      logSumExp: tape.keep(`${slot}.log_sum_exp`, logSumExp),
    };
    tape.record(Object.values(kept), [], () => {
      const dOut = tape.takeGradient(out);
      const dQuery = tape.allocate(`${query.name}.gradient`, query);
      const dKey = tape.allocate(`${key.name}.gradient`, key);
      const dValue = tape.allocate(`${value.name}.gradient`, value);
      engine.run('attentionBackward', {
        ...shape,
        query: kept.query.restore(),
        key: kept.key.restore(),
        value: kept.value.restore(),
        out: kept.out.restore(),
        logSumExp: kept.logSumExp.restore(),
        dOut,
        dQuery,
        dKey,
        dValue,
      });
      for (const one of Object.values(kept)) one.release();
      engine.release(dOut);
      tape.passGradient(query, dQuery);
      tape.passGradient(key, dKey);
      tape.passGradient(value, dValue);
    });
  }
  tape.release(logSumExp);
  return out;
}

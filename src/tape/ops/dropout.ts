import type { RandomKey } from '../../engine/index.js';
import type { Tape } from '../tape.js';
import type { Value } from '../value.js';

export interface DropoutOptions {
  /** p, in [0, 1). */
  readonly probability: number;
  /** The mask is a function of this. */
  readonly key: RandomKey;
  /** Added to the result. */
  readonly residual?: Value;
}

/**
 * Dropout, x∘mask/(1 − p), optionally plus a residual. Takes over `x`. The mask is made again in backward from its key; only
 * where the plan stores `${slot}.mask`, as usual frameworks do, it is kept (1 byte per element).
 *
 * @param x [N, n]
 */
export function dropout(tape: Tape, slot: string, x: Value, { residual, ...random }: DropoutOptions): Value {
  const { engine } = tape;
  const storesMask = tape.keeper?.wants(`${slot}.mask`) ?? false;
  const [out, mask] = tape.apply({
    cost: 'elementwise',
    inputs: residual ? [x, residual] : [x],
    outputs: [
      { name: `${slot}.output`, shape: x.shape },
      ...(storesMask ? [{ name: `${slot}.mask`, shape: x.shape, dtype: 'u8' as const }] : []),
    ],
    takesOver: true,
    run: ([input, addend], [output, maskOut]) =>
      engine.run('dropout', {
        ...random,
        x: input,
        out: output,
        ...(addend && { residual: addend }),
        ...(maskOut && { mask: maskOut }),
      }),
  });
  if (out.requiresGradient) {
    const kept = mask && tape.keep(`${slot}.mask`, mask);
    tape.record(kept ? [kept] : [], [], () => {
      const dy = residual ? tape.takeGradient(out) : tape.takeWritableGradient(out);
      const dx = residual ? tape.allocate(`${x.name}.gradient`, x) : dy;
      if (kept) engine.run('dropoutBackward', { dy, mask: kept.restore(), dx, probability: random.probability });
      else engine.run('dropout', { ...random, x: dy, out: dx });
      kept?.release();
      if (residual) tape.passGradient(residual, dy);
      tape.passGradient(x, dx);
    });
  }
  if (mask) tape.release(mask);
  return out;
}

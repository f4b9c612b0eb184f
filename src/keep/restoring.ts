import type { Kept, KeptInput, Parameter, Tape, Value } from '../tape/index.js';
import { canBeReplayed } from './replay-sources.js';

/** `exact` and `alias`: the storage itself is held until backward is done with it. */
export function keepExact(slot: string, value: Value): Kept {
  value.keepExact(slot);
  return { restore: () => value.tensor, release: () => value.releaseExact() };
}

/**
 * `replay` and `replay-gemm`: nothing is held; the value's recipe runs again, once for all slots that wait for it. Where it
 * could not, because all below is frozen and nothing of it was kept, the value itself is held.
 */
export function keepReplay(value: Value): Kept {
  if (!canBeReplayed(value)) return keepExact(value.name, value);
  value.await();
  let inUse = false;
  return {
    restore: () => {
      if (!inUse) value.use();
      inUse = true;
      return value.tensor;
    },
    release: () => {
      if (inUse) value.release();
      value.settle();
    },
  };
}

/** `bf16`: a rounded copy at half the bytes, shared by all slots of the value. */
export function keepBf16(tape: Tape, slot: string, value: Value): Kept {
  const { engine } = tape;
  value.keepEncoded('bf16', () => {
    const copy = engine.allocate({ shape: value.shape, dtype: 'bf16', role: 'saved', name: slot });
    engine.run('copy', { x: value.tensor, out: copy });
    return {
      restore(allocate) {
        const out = allocate();
        engine.run('copy', { x: copy, out });
        return out;
      },
      free: () => engine.release(copy),
    };
  });
  return keepEncodedValue(value);
}

/** A slot of a value that its encoding gives back. */
export function keepEncodedValue(value: Value): Kept {
  const waiting = keepReplay(value);
  return {
    restore: waiting.restore,
    release: () => {
      waiting.release();
      value.releaseEncoded();
    },
  };
}

/** The exact weight gradient dW = Dᵀ·X, [out, in], from any form that gives X back. */
export function exactWeightGradient(tape: Tape, kept: Kept, weight: Parameter): KeptInput {
  return {
    weightGradient: (dy) => {
      const x = kept.restore();
      tape.addParameterGradient(weight, weight.tensor.shape, (out, accumulate) =>
        tape.engine.run('gemm', { a: dy, b: x, transA: true, out, accumulate }),
      );
    },
    release: kept.release,
  };
}

import { type Engine, type RandomKey, rows, type Tensor, threefry } from '../engine/index.js';
import type { KeptInput, Parameter, Tape, Value } from '../tape/index.js';
import type { SlotKeys } from './slot-keys.js';

/** Tokens that are mixed among themselves: S is block-diagonal, so that no more than one block of it exists at a time. */
const blockTokens = 256;

/** Sᵀ·X of one input, shared by the layers that read it. */
interface Mixture {
  readonly key: RandomKey;
  readonly z: Tensor;
  users: number;
}

/**
 * `token-sketch`: random mixtures of tokens, Sᵀ·X with S of k columns and iid entries N(0, 1/k), instead of X; the weight's
 * gradient is (Sᵀ·D)ᵀ·(Sᵀ·X), with S made again in backward (arXiv 2201.13195). Unbiased, since E[S·Sᵀ] = I.
 */
export class TokenSketcher {
  readonly #engine: Engine;
  readonly #keys: SlotKeys;
  readonly #mixtures = new WeakMap<Value, Mixture>();

  constructor(engine: Engine, keys: SlotKeys) {
    this.#engine = engine;
    this.#keys = keys;
  }

  /** Whether a mixture of this input is kept already, for another layer. */
  holds(input: Value): boolean {
    return this.#mixtures.has(input);
  }

  /** @param ratio k/N */
  keep(tape: Tape, slot: string, input: Value, weight: Parameter, ratio: number): KeptInput {
    const engine = this.#engine;
    const mixture = this.#mixtureOf(slot, input, ratio);
    return {
      weightGradient: (dy) => {
        const mixed = this.#mix(dy, mixture.key, ratio, 'activation', `${slot}.gradient_mixture`);
        tape.addParameterGradient(weight, weight.tensor.shape, (out, accumulate) =>
          engine.run('gemm', { a: mixed, b: mixture.z, transA: true, out, accumulate }),
        );
        engine.release(mixed);
      },
      release: () => {
        mixture.users -= 1;
        if (mixture.users > 0) return;
        engine.release(mixture.z);
        this.#mixtures.delete(input);
      },
    };
  }

  #mixtureOf(slot: string, input: Value, ratio: number): Mixture {
    let mixture = this.#mixtures.get(input);
    if (!mixture) {
      const key = this.#keys.of(slot);
      mixture = { key, z: this.#mix(input.tensor, key, ratio, 'saved', slot), users: 0 };
      this.#mixtures.set(input, mixture);
    }
    mixture.users += 1;
    return mixture;
  }

  /** Sᵀ·X, block by block. */
  #mix(x: Tensor, key: RandomKey, ratio: number, role: 'saved' | 'activation', name: string): Tensor {
    const engine = this.#engine;
    const [tokens, width] = x.shape;
    const { dtype } = x;
    const z = engine.allocate({ shape: [mixedTokens(tokens, ratio), width], dtype, role, name });
    let filled = 0;
    for (let start = 0; start < tokens; start += blockTokens) {
      const count = Math.min(blockTokens, tokens - start);
      const mixed = mixedTokens(count, ratio);
      const s = engine.allocate({ shape: [count, mixed], dtype, role: 'projection', name: 'token_sketch' });
      const blockKey = threefry(key, start / blockTokens, 1);
      engine.run('random', { out: s, family: 'gaussian', key: blockKey, deviation: 1 / Math.sqrt(mixed) });
      engine.run('gemm', { a: s, transA: true, b: rows(x, start, count), out: rows(z, filled, mixed) });
      engine.release(s);
      filled += mixed;
    }
    return z;
  }
}

/** k: mixtures that stand for so many tokens, at least one for each block. */
export function mixedTokens(tokens: number, ratio: number): number {
  const whole = Math.floor(tokens / blockTokens);
  const rest = tokens - whole * blockTokens;
  const of = (count: number) => Math.max(1, Math.round(ratio * count));
  return whole * of(blockTokens) + (rest > 0 ? of(rest) : 0);
}

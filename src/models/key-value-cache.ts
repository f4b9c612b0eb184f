import { type Engine, type FloatType, InputError, rows, type Tensor } from '../engine/index.js';
import type { Tape, Value } from '../tape/index.js';
import type { CausalConfig } from './model-config.js';

/** Keys and values of the tokens generated so far, one sequence, so that each new token costs one row per layer. */
export class KeyValueCache implements Disposable {
  readonly #engine: Engine;
  readonly #layers: readonly { readonly key: Tensor; readonly value: Tensor }[];
  readonly #capacity: number;
  #length = 0;

  constructor(engine: Engine, config: CausalConfig, capacity: number, dtype: FloatType = 'f32') {
    this.#engine = engine;
    this.#capacity = capacity;
    const heads = config.modelType === 'llama' ? config.numKeyValueHeads : config.numAttentionHeads;
    const width = (config.hiddenSize / config.numAttentionHeads) * heads;
    const make = (name: string) => engine.allocate({ shape: [capacity, width], dtype, role: 'data', name });
    this.#layers = Array.from({ length: config.numHiddenLayers }, (_, layer) => ({
      key: make(`cache.${layer}.key`),
      value: make(`cache.${layer}.value`),
    }));
  }

  /** Tokens whose keys and values are held in every layer. */
  get length(): number {
    return this.#length;
  }

  /** Appends the new tokens' keys and values in one layer; gives those of all tokens. Takes over the caller's holds. */
  extend(tape: Tape, layer: number, key: Value, value: Value): readonly [key: Value, value: Value] {
    const count = key.shape[0];
    const held = this.#layers[layer];
    if (this.#length + count > this.#capacity) throw new InputError(`the context of ${this.#capacity} tokens is full`);
    const append = (name: string, store: Tensor, added: Value): Value => {
      this.#engine.run('copy', { x: added.tensor, out: rows(store, this.#length, count) });
      tape.release(added);
      return tape.input(name, this.#engine.retain(rows(store, 0, this.#length + count)));
    };
    return [append(`cache.${layer}.key`, held.key, key), append(`cache.${layer}.value`, held.value, value)];
  }

  /** To be called once after all layers were extended. */
  advance(count: number): void {
    this.#length += count;
  }

  [Symbol.dispose](): void {
    for (const { key, value } of this.#layers) {
      this.#engine.release(key);
      this.#engine.release(value);
    }
  }
}

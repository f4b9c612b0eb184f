import { type Engine, type FloatType, sizeOf, type Tensor } from '../engine/index.js';

/**
 * Room for the moments of several groups of parameters of which only one is trained at a time: each group's tensors start
 * again at the front, over those of the others.
 */
export class StateRoom implements Disposable {
  readonly #engine: Engine;
  readonly tensor: Tensor;
  #taken = 0;

  /**
   * @param elements those of the largest group
   * @param dtype what they are stored in
   */
  constructor(engine: Engine, elements: number, dtype: FloatType = 'f32') {
    this.#engine = engine;
    this.tensor = engine.allocate({ shape: [elements], dtype, role: 'optimizer', name: 'block.moments' });
    this.clear();
  }

  /** The next group starts at the front. */
  rewind(): void {
    this.#taken = 0;
  }

  /** A tensor in the room, with a reference of its own. */
  take(shape: readonly number[]): Tensor {
    const offset = this.#taken;
    this.#taken += sizeOf(shape);
    return { ...this.#engine.retain(this.tensor), shape, offset };
  }

  /** Forgets what the last group left. */
  clear(): void {
    this.#engine.run('fill', { out: this.tensor, value: 0 });
  }

  [Symbol.dispose](): void {
    this.#engine.release(this.tensor);
  }
}

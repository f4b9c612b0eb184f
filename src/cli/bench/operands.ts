import type { Engine, FloatType, Tensor } from '../../engine/index.js';

/** Operands of one bench, freed together. */
export class Operands implements Disposable {
  readonly engine: Engine;
  readonly #tensors: Tensor[] = [];
  #nextKey = 0;

  constructor(engine: Engine) {
    this.engine = engine;
  }

  /** Normal numbers. */
  random(shape: readonly [number, number], dtype: FloatType): Tensor {
    const tensor = this.#allocate(shape, dtype);
    this.engine.run('random', { out: tensor, family: 'gaussian', key: [this.#nextKey++, 5], deviation: 1 });
    return tensor;
  }

  constant(shape: readonly number[], dtype: FloatType, value: number): Tensor {
    const tensor = this.#allocate(shape, dtype);
    this.engine.run('fill', { out: tensor, value });
    return tensor;
  }

  ids(values: Int32Array): Tensor {
    const tensor = this.#allocate([values.length], 'i32');
    this.engine.write(tensor, values);
    return tensor;
  }

  [Symbol.dispose](): void {
    for (const tensor of this.#tensors) this.engine.release(tensor);
  }

  #allocate(shape: readonly number[], dtype: Tensor['dtype']): Tensor {
    const tensor = this.engine.allocate({ shape, dtype, role: 'workspace', name: 'operand' });
    this.#tensors.push(tensor);
    return tensor;
  }
}

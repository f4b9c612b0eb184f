import { deriveKey, type Engine, type FloatType } from '../engine/index.js';
import { Parameter } from '../tape/index.js';

/** The weights of a model by name. */
export class WeightTable {
  readonly all: readonly Parameter[];
  readonly #engine: Engine;
  readonly #byName: ReadonlyMap<string, Parameter>;

  /** Allocates them, with undefined contents. */
  constructor(engine: Engine, shapes: ReadonlyMap<string, readonly number[]>, dtype: FloatType = 'f32') {
    this.#engine = engine;
    const parameters = [...shapes].map(
      ([name, shape]) => new Parameter(name, engine.allocate({ shape, dtype, role: 'weight', name })),
    );
    this.all = parameters;
    this.#byName = new Map(parameters.map((parameter) => [parameter.name, parameter]));
  }

  get(name: string): Parameter {
    const found = this.#byName.get(name);
    if (!found) throw new RangeError(`no parameter "${name}"`);
    return found;
  }

  /** Weight and bias of a layer. */
  pair(name: string): { readonly weight: Parameter; readonly bias: Parameter } {
    return { weight: this.get(`${name}.weight`), bias: this.get(`${name}.bias`) };
  }

  /**
   * Random contents from a seed: N(0, deviation²) matrices, biases 0, norms 1.
   *
   * @param deviation of a weight, by its name
   */
  initialize(seed: number, deviation: (name: string) => number): void {
    for (const [index, { name, tensor }] of this.all.entries()) {
      if (tensor.shape.length === 1) this.#engine.run('fill', { out: tensor, value: name.endsWith('.bias') ? 0 : 1 });
      else {
        const key = deriveKey(seed, 'init', index, 0);
        this.#engine.run('random', { out: tensor, family: 'gaussian', key, deviation: deviation(name) });
      }
    }
  }

  release(): void {
    for (const { tensor } of this.all) this.#engine.release(tensor);
  }
}

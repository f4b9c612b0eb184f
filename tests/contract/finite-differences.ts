import { expect } from 'vitest';
import type { Engine, Numbers, RandomKey, Tensor } from '../../src/engine/index.js';
import { normalNumbers } from './operands.js';

/**
 * Steps of the five-point rule, whose error is of the order of step⁴ and of 1e-16/step: some 1e-12.
 */
const step = 1e-3;
const allowedError = 1e-9;

export interface Pair {
  readonly inputs: { readonly [name: string]: Tensor };
  readonly outputs: readonly Tensor[];
  /** Computes the outputs from the inputs. */
  forward(): void;
  /** From the gradients of the outputs to those of the inputs. */
  backward(dOutputs: readonly Tensor[]): { readonly [name: string]: Tensor };
}

/** Tensors of one test, and derivatives of scalars that depend on them. */
export class Workbench implements Disposable {
  readonly engine: Engine;
  readonly #tensors: Tensor[] = [];
  #nextKey = 0;

  constructor(engine: Engine) {
    this.engine = engine;
  }

  /** An f32 tensor of normal numbers. */
  random(shape: readonly number[]): Tensor {
    const tensor = this.empty(shape);
    const key: RandomKey = [this.#nextKey++, 77];
    this.engine.write(tensor, normalNumbers(key, tensor.storage.bytes / 4, 1, 0));
    return tensor;
  }

  /** An f32 tensor with undefined contents. */
  empty(shape: readonly number[]): Tensor {
    const tensor = this.engine.allocate({ shape, role: 'activation', name: 'tensor' });
    this.#tensors.push(tensor);
    return tensor;
  }

  zeros(shape: readonly number[]): Tensor {
    const tensor = this.empty(shape);
    this.engine.run('fill', { out: tensor, value: 0 });
    return tensor;
  }

  integers(values: readonly number[]): Tensor {
    const tensor = this.engine.allocate({ shape: [values.length], dtype: 'i32', role: 'data', name: 'integers' });
    this.#tensors.push(tensor);
    this.engine.write(tensor, Int32Array.from(values));
    return tensor;
  }

  /** What an accumulating op added to `tensor`: its values after `run` less those before. */
  async added(tensor: Tensor, run: () => void): Promise<Float64Array> {
    const before = await this.engine.read(tensor);
    run();
    const after = await this.engine.read(tensor);
    return Float64Array.from({ length: after.length }, (_, i) => after[i] - before[i]);
  }

  /**
   * Checks a backward pass: the inner product of the outputs with fixed random numbers is differentiated numerically by
   * every element of every input.
   */
  async expectExact(pair: Pair): Promise<void> {
    const projections = pair.outputs.map((output) => this.random(output.shape));
    const weights = await Promise.all(projections.map((tensor) => this.engine.read(tensor)));
    const scalar = async () => {
      pair.forward();
      let sum = 0;
      for (const [i, output] of pair.outputs.entries()) sum += innerProduct(await this.engine.read(output), weights[i]);
      return sum;
    };
    pair.forward();
    const gradients = pair.backward(projections);
    for (const [name, gradient] of Object.entries(gradients)) {
      const numeric = await this.#numericGradient(pair.inputs[name], scalar);
      const size = Math.sqrt(innerProduct(numeric, numeric));
      expect(size, `gradient of ${name}`).toBeGreaterThan(1e-3);
      const error = distance(await this.engine.read(gradient), numeric) / size;
      expect(error, `relative error of the gradient of ${name}`).toBeLessThan(allowedError);
    }
  }

  async #numericGradient(input: Tensor, scalar: () => Promise<number>): Promise<Float64Array> {
    const values = Float64Array.from(await this.engine.read(input));
    const at = async (index: number, shift: number) => {
      const shifted = values.slice();
      shifted[index] += shift;
      this.engine.write(input, shifted);
      return scalar();
    };
    const gradient = new Float64Array(values.length);
    for (let i = 0; i < values.length; i++) {
      const near = (await at(i, step)) - (await at(i, -step));
      const far = (await at(i, 2 * step)) - (await at(i, -2 * step));
      gradient[i] = (8 * near - far) / (12 * step);
    }
    this.engine.write(input, values);
    return gradient;
  }

  /** Frees all tensors; nothing else may be live. */
  [Symbol.dispose](): void {
    for (const tensor of this.#tensors) this.engine.release(tensor);
    expect(this.engine.ledger.live).toBe(0);
    this.engine.dispose();
  }
}

/** Euclidean distance. */
export function distance(a: Numbers, b: Numbers): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] - b[i]) ** 2;
  return Math.sqrt(sum);
}

function innerProduct(a: Numbers, b: Numbers): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

import type { Engine, Tensor } from '../engine/index.js';
import type { KeptInput, Parameter, Tape, Value } from '../tape/index.js';
import type { PassPosition } from './pass-position.js';
import { PlanError } from './plan-error.js';

/** How the input of one linear layer is cut. */
export interface Subtoken {
  /** Name of the layer's weight. */
  readonly weight: string;
  /** n, the layer's input width. */
  readonly inputSize: number;
  /** M, numbers per sub-token. */
  readonly size: number;
  /** s_v, the factor on the weight's gradient. */
  readonly scale: number;
}

/**
 * VeLoRA (arXiv 2405.17991): of every token's input only its G = ⌈n/M⌉ sub-tokens' coefficients along one direction v are kept,
 * Z = X·P with P = I_G ⊗ v. The weight's gradient is s_v·P·(Zᵀ·D), formed as Dᵀ·Z first: no n-wide reconstruction of X, no
 * gradient per sample. v is the normalised mean of the sub-tokens of the run's first micro-batch, and then stays: it is part
 * of the run's state.
 */
export class Subtokens implements Disposable {
  readonly #engine: Engine;
  readonly #directions = new Map<string, Tensor>();
  #learning = false;

  constructor(engine: Engine, subtokens: Iterable<Subtoken>) {
    this.#engine = engine;
    for (const { weight, size } of subtokens) {
      const name = `${weight}.subtoken_direction`;
      this.#directions.set(weight, engine.allocate({ shape: [size], role: 'projection', name }));
    }
  }

  /** Directions by the names under which a checkpoint holds them. */
  get state(): ReadonlyMap<string, Tensor> {
    return new Map([...this.#directions].map(([weight, tensor]) => [`${weight}.subtoken_direction`, tensor]));
  }

  moveTo({ step, microBatch }: PassPosition): void {
    this.#learning = step === 0 && microBatch === 0;
  }

  keep(tape: Tape, slot: string, input: Value, weight: Parameter, { inputSize, size, scale }: Subtoken): KeptInput {
    const engine = this.#engine;
    const direction = this.#directions.get(weight.name);
    if (!direction) throw new PlanError(`plan: "${slot}" is a subtoken, but "${weight.name}" has no direction`);
    if (this.#learning) engine.run('subtokenDirection', { x: input.tensor, out: direction });
    const groups = Math.ceil(inputSize / size);
    const { dtype } = input;
    const z = engine.allocate({ shape: [input.shape[0], groups], dtype, role: 'saved', name: slot });
    engine.run('subtokenProject', { x: input.tensor, direction, out: z });
    return {
      weightGradient(dy) {
        // One number stands for M entries of the gradient: it stays f32, and the gradient is rounded once.
        const coefficients = tape.allocate(`${slot}.coefficients`, { shape: [dy.shape[1], groups], dtype: 'f32' });
        engine.run('gemm', { a: dy, b: z, transA: true, out: coefficients });
        tape.addParameterGradient(weight, weight.tensor.shape, (out, accumulate) =>
          engine.run('subtokenExpand', { coefficients, direction, out, factor: scale, accumulate }),
        );
        engine.release(coefficients);
      },
      release: () => engine.release(z),
    };
  }

  [Symbol.dispose](): void {
    for (const tensor of this.#directions.values()) this.#engine.release(tensor);
    this.#directions.clear();
  }
}

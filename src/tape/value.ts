import { type DType, type Engine, LifetimeError, rows, type Tensor } from '../engine/index.js';

/** What making a value again would cost. */
export type ReplayCost = 'elementwise' | 'gemm';

/** How a value is made from others: a pure function that forward runs once and backward may run again. */
export interface Recipe {
  readonly cost: ReplayCost;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  /** The first output may be written over the first input when nobody else holds that. */
  readonly takesOver: boolean;
  run(inputs: readonly Tensor[], outputs: readonly Tensor[]): void;
  /** The same for some consecutive rows only, from row `start` on, where rows do not depend on each other. */
  runRows?: RunRows | undefined;
}

/** Computes rows of the outputs from the same rows of the inputs; `start` is the number of the first. */
export type RunRows = (start: number, inputs: readonly Tensor[], outputs: readonly Tensor[]) => void;

/** A value kept in another encoding, for example bf16, from which the tensor can be given back. */
export interface Encoding {
  /** The tensor, in memory that `allocate` gives or that the encoding brings along; now owned by the value. */
  restore(allocate: () => Tensor): Tensor;
  free(): void;
}

/**
 * A tensor in the course of a step. Its memory is there while somebody holds it: the forward code until it releases it,
 * a kept slot until backward is done with it. A value whose memory is gone can be *used* again where an encoding or its
 * recipe gives it back.
 */
export class Value {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly requiresGradient: boolean;
  recipe: Recipe | undefined;
  gradient: Tensor | undefined;
  readonly #engine: Engine;
  #tensor: Tensor | undefined;
  #holders = 0;
  #awaiting = 0;
  #exactKeeps = 0;
  #restored = false;
  #encoding: { readonly form: string; readonly content: Encoding; users: number } | undefined;

  constructor(
    engine: Engine,
    name: string,
    { shape, dtype }: Pick<Tensor, 'shape' | 'dtype'>,
    requiresGradient: boolean,
  ) {
    this.#engine = engine;
    this.name = name;
    this.shape = shape;
    this.dtype = dtype;
    this.requiresGradient = requiresGradient;
  }

  /** The tensor, which must be live now. */
  get tensor(): Tensor {
    if (!this.#tensor) throw new LifetimeError(`value "${this.name}" is used after its release`);
    return this.#tensor;
  }

  /** Whether another kept slot already holds this very storage for backward. */
  get keptExactly(): boolean {
    return this.#exactKeeps > 0;
  }

  /** Whether another kept slot already holds an encoding of this value. */
  get encoded(): boolean {
    return this.#encoding !== undefined;
  }

  /** Whether a kept slot will ask for this value in backward without holding it now. */
  get awaited(): boolean {
    return this.#awaiting > 0;
  }

  /** Gives the value its memory and the caller a hold on it. */
  provide(tensor: Tensor): void {
    this.#tensor = tensor;
    this.#holders += 1;
  }

  /** Drops a hold. */
  release(): void {
    if (this.#holders <= 0) throw new LifetimeError(`value "${this.name}" is released twice`);
    this.#holders -= 1;
    this.#collect();
  }

  /** Holds the storage itself for backward: booked as `saved` under the first slot's name. */
  keepExact(slot: string): void {
    this.#holders += 1;
    this.#exactKeeps += 1;
    if (this.#exactKeeps === 1) this.#engine.ledger.relabel(this.tensor.storage, 'saved', slot);
  }

  releaseExact(): void {
    this.#exactKeeps -= 1;
    this.release();
  }

  /** Announces that backward will ask for this value once more; balanced by `settle`. */
  await(): void {
    this.#awaiting += 1;
  }

  settle(): void {
    this.#awaiting -= 1;
    this.#collect();
  }

  /** Adds a user of an encoding of this value; `encode` makes it when this is the first. */
  keepEncoded(form: string, encode: () => Encoding): void {
    if (this.#encoding && this.#encoding.form !== form) {
      throw new LifetimeError(`value "${this.name}" is kept as ${this.#encoding.form} and as ${form}`);
    }
    this.#encoding ??= { form, content: encode(), users: 0 };
    this.#encoding.users += 1;
  }

  releaseEncoded(): void {
    if (!this.#encoding) throw new LifetimeError(`value "${this.name}" has no encoding to release`);
    this.#encoding.users -= 1;
    if (this.#encoding.users > 0) return;
    this.#encoding.content.free();
    this.#encoding = undefined;
  }

  /** The live tensor, made again if need be, with a hold that the caller drops by `release`. */
  use(): Tensor {
    if (!this.#tensor) this.#restore();
    this.#holders += 1;
    return this.tensor;
  }

  /** Whether some rows can be computed again without the others. */
  get rowwise(): boolean {
    return this.recipe?.runRows !== undefined;
  }

  /**
   * Computes rows of this value again, into `out`. Inputs that are there or wait to be restored are used as they are; of all
   * others only these rows are made.
   */
  recomputeRows(start: number, out: Tensor): void {
    const { recipe } = this;
    if (!recipe?.runRows) throw new LifetimeError(`rows of "${this.name}" cannot be computed by themselves`);
    const [count] = out.shape;
    const inputs = recipe.inputs.map((input) => input.#useRows(start, count));
    const temporaries: Tensor[] = [];
    const outputs = recipe.outputs.map((output) => {
      if (output === this) return out;
      const temporary = output.#allocate(count);
      temporaries.push(temporary);
      return temporary;
    });
    recipe.runRows(
      start,
      inputs.map(({ tensor }) => tensor),
      outputs,
    );
    for (const temporary of temporaries) this.#engine.release(temporary);
    for (const { release } of inputs) release();
  }

  #useRows(start: number, count: number): { readonly tensor: Tensor; readonly release: () => void } {
    if (this.#tensor || this.#encoding || this.awaited || !this.rowwise) {
      return { tensor: rows(this.use(), start, count), release: () => this.release() };
    }
    const tensor = this.#allocate(count);
    this.recomputeRows(start, tensor);
    return { tensor, release: () => this.#engine.release(tensor) };
  }

  /** Passes the memory on to `output` if the caller's hold is the only claim; the caller's hold is gone in that case. */
  handOver(output: Value): boolean {
    if (this.#holders !== 1 || this.awaited || !this.#tensor) return false;
    output.#receive(this.#tensor);
    this.#engine.ledger.relabel(this.#tensor.storage, this.#tensor.storage.role, output.name);
    this.#tensor = undefined;
    this.#holders = 0;
    this.#restored = false;
    return true;
  }

  #receive(tensor: Tensor): void {
    this.#tensor = tensor;
  }

  #restore(): void {
    if (this.#encoding) {
      this.#tensor = this.#encoding.content.restore(() => this.#allocate());
    } else {
      this.#replay();
    }
    this.#restored = true;
  }

  #replay(): void {
    const { recipe } = this;
    if (!recipe) throw new LifetimeError(`value "${this.name}" was not kept and cannot be computed again`);
    const inputs = recipe.inputs.map((input) => input.use());
    const [firstInput] = recipe.inputs;
    const [firstOutput] = recipe.outputs;
    const taken = recipe.takesOver && firstOutput.#tensor === undefined && firstInput?.handOver(firstOutput);
    const temporaries: Tensor[] = [];
    const outputs = recipe.outputs.map((output, index) => {
      if (taken && index === 0) return output.tensor;
      if (output.#tensor === undefined && (output === this || output.awaited)) {
        output.#tensor = output.#allocate();
        output.#restored = true;
        return output.#tensor;
      }
      const temporary = output.#allocate();
      temporaries.push(temporary);
      return temporary;
    });
    recipe.run(inputs, outputs);
    for (const temporary of temporaries) this.#engine.release(temporary);
    for (const [index, input] of recipe.inputs.entries()) if (!(taken && index === 0)) input.release();
  }

  /** Memory for the value, or for so many of its rows. */
  #allocate(count = this.shape[0]): Tensor {
    const shape = [count, ...this.shape.slice(1)];
    return this.#engine.allocate({ shape, dtype: this.dtype, role: 'activation', name: this.name });
  }

  /** Frees the memory when nobody holds it; a restored value stays while other slots still wait for it. */
  #collect(): void {
    if (this.#holders > 0 || !this.#tensor || (this.#restored && this.awaited)) return;
    this.#engine.release(this.#tensor);
    this.#tensor = undefined;
    this.#restored = false;
  }
}

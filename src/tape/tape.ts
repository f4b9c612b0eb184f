import { type DType, type Engine, LifetimeError, type Tensor } from '../engine/index.js';
import type { Keeper, Kept } from './keeper.js';
import type { Parameter } from './parameter.js';
import { type ReplayCost, type RunRows, Value } from './value.js';

/** An output of an op; stored like the op's first input where it does not say otherwise. */
export interface OutputSpec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype?: DType;
}

/** One application of a differentiable op. */
export interface Application {
  readonly cost: ReplayCost;
  readonly inputs: readonly Value[];
  /** Parameters that the op reads; their training makes the outputs require gradients. */
  readonly parameters?: readonly Parameter[];
  readonly outputs: readonly OutputSpec[];
  /**
   * The op owns its first input: the caller's hold passes to the op, and the first output may be written over it.
   */
  readonly takesOver?: boolean;
  /** Computes the outputs from the inputs; runs again where a value is replayed. */
  run(inputs: readonly Tensor[], outputs: readonly Tensor[]): void;
  /** The same for some rows, for ops whose rows do not depend on each other. */
  readonly runRows?: RunRows;
}

/**
 * Records what forward does, and runs it backwards. Without a keeper nothing is recorded and nothing kept: that is
 * inference.
 *
 * The tape owns the memory of a pass: after `backward` (or `discard`) no tensor of it is left.
 */
export class Tape {
  readonly engine: Engine;
  readonly keeper: Keeper | undefined;
  readonly #onGradient: ((parameter: Parameter) => void) | undefined;
  readonly #steps: { backward(): void; discard(): void }[] = [];

  /**
   * @param keeper decides how slots are kept; left out for inference
   * @param onGradient called in backward as soon as a parameter's gradient is complete
   */
  constructor(engine: Engine, keeper?: Keeper, onGradient?: (parameter: Parameter) => void) {
    this.engine = engine;
    this.keeper = keeper;
    this.#onGradient = onGradient;
  }

  /** Wraps a tensor that no op made (token ids, an input); takes over the caller's reference. */
  input(name: string, tensor: Tensor): Value {
    const value = new Value(this.engine, name, tensor, false);
    value.provide(tensor);
    return value;
  }

  /** Runs an op and, in training, remembers how its outputs came about. */
  apply(application: Application): readonly Value[] {
    const { inputs, parameters = [], takesOver = false } = application;
    const requiresGradient =
      this.keeper !== undefined &&
      (inputs.some((input) => input.requiresGradient) || parameters.some((parameter) => parameter.trainable));
    const outputs = application.outputs.map(
      ({ name, shape, dtype = inputs[0].dtype }) => new Value(this.engine, name, { shape, dtype }, requiresGradient),
    );
    const tensors = inputs.map((input) => input.tensor);
    const taken = takesOver && inputs[0].handOver(outputs[0]);
    for (const [index, output] of outputs.entries()) {
      output.provide(taken && index === 0 ? output.tensor : this.allocate(output.name, output));
    }
    application.run(
      tensors,
      outputs.map((output) => output.tensor),
    );
    if (takesOver && !taken) inputs[0].release();
    if (this.keeper) {
      const { cost, run, runRows } = application;
      const recipe = { cost, inputs, outputs, takesOver, run, runRows };
      for (const output of outputs) output.recipe = recipe;
    }
    return outputs;
  }

  /** Remembers what to do in backward, and which kept things to drop if backward never comes. */
  record(kept: readonly { release(): void }[], parameters: readonly Parameter[], backward: () => void): void {
    for (const parameter of parameters) if (parameter.trainable) parameter.pendingUses += 1;
    this.#steps.push({
      backward: () => {
        backward();
        for (const parameter of parameters) this.#contributed(parameter);
      },
      discard: () => {
        for (const one of kept) one.release();
        for (const parameter of parameters) if (parameter.trainable) parameter.pendingUses -= 1;
      },
    });
  }

  keep(slot: string, value: Value): Kept {
    if (!this.keeper) throw new LifetimeError(`nothing is kept in inference ("${slot}")`);
    return this.keeper.keep(this, slot, value);
  }

  /** Runs all recorded steps in reverse order; each drops what it kept as soon as it is done with it. */
  backward(): void {
    for (let step = this.#steps.pop(); step; step = this.#steps.pop()) step.backward();
  }

  /** Drops everything kept without running backward, for example after a failure. */
  discard(): void {
    for (let step = this.#steps.pop(); step; step = this.#steps.pop()) step.discard();
  }

  /** Drops the forward code's hold on values it no longer reads. */
  release(...values: readonly Value[]): void {
    for (const value of values) value.release();
  }

  /** A tensor in flight, of this shape and dtype. */
  allocate(name: string, { shape, dtype }: Pick<Tensor, 'shape' | 'dtype'>): Tensor {
    return this.engine.allocate({ shape, dtype, role: 'activation', name });
  }

  /**
   * Lets `produce` write (or, with `accumulate`, add) a contribution to a value's gradient. A gradient shared with another
   * value is copied first.
   */
  addGradient(value: Value, produce: (out: Tensor, accumulate: boolean) => void): void {
    if (!value.requiresGradient) return;
    if (!value.gradient) {
      value.gradient = this.allocate(`${value.name}.gradient`, value);
      produce(value.gradient, false);
      return;
    }
    value.gradient = this.#own(value, value.gradient);
    produce(value.gradient, true);
  }

  /**
   * Like `addGradient` for ops that cannot do without writing it: where the value needs none, they write to scratch.
   */
  addGradientAnyway(value: Value, produce: (out: Tensor, accumulate: boolean) => void): void {
    if (value.requiresGradient) {
      this.addGradient(value, produce);
      return;
    }
    const unused = this.allocate(`${value.name}.gradient`, value);
    produce(unused, false);
    this.engine.release(unused);
  }

  /** Passes a gradient on unchanged; takes over the caller's reference to it. */
  passGradient(value: Value, gradient: Tensor): void {
    if (!value.requiresGradient) {
      this.engine.release(gradient);
    } else if (!value.gradient) {
      value.gradient = gradient;
    } else {
      this.addGradient(value, (out) => this.engine.run('add', { a: out, b: gradient, out }));
      this.engine.release(gradient);
    }
  }

  /** The complete gradient of a value, now owned by the caller. */
  takeGradient(value: Value): Tensor {
    const { gradient } = value;
    if (!gradient) throw new LifetimeError(`no gradient reached "${value.name}"`);
    value.gradient = undefined;
    return gradient;
  }

  /** Like `takeGradient`, for an op that writes its result over it. */
  takeWritableGradient(value: Value): Tensor {
    return this.#own(value, this.takeGradient(value));
  }

  /** Lets `produce` write (or add) a contribution to a parameter's gradient of the given shape, stored like the parameter. */
  addParameterGradient(
    parameter: Parameter,
    shape: readonly number[],
    produce: (out: Tensor, accumulate: boolean) => void,
  ): void {
    const accumulate = parameter.gradient !== undefined;
    const { dtype } = parameter.tensor;
    parameter.gradient ??= this.engine.allocate({ shape, dtype, role: 'gradient', name: parameter.name });
    produce(parameter.gradient, accumulate);
  }

  /** Like `addParameterGradient` for ops that always add: the gradient starts from zero. */
  addToParameterGradient(parameter: Parameter, produce: (out: Tensor) => void): void {
    produce(this.zeroedGradient(parameter));
  }

  /** A parameter's gradient for an op to add to: what was summed up so far, or zeros. */
  zeroedGradient(parameter: Parameter): Tensor {
    if (parameter.gradient) return parameter.gradient;
    const { shape, dtype } = parameter.tensor;
    parameter.gradient = this.engine.allocate({ shape, dtype, role: 'gradient', name: parameter.name });
    this.engine.run('fill', { out: parameter.gradient, value: 0 });
    return parameter.gradient;
  }

  /** The gradient itself, or a copy of it where another value shares it. */
  #own(value: Value, gradient: Tensor): Tensor {
    if (gradient.storage.references === 1) return gradient;
    const own = this.allocate(`${value.name}.gradient`, value);
    this.engine.run('copy', { x: gradient, out: own });
    this.engine.release(gradient);
    return own;
  }

  #contributed(parameter: Parameter): void {
    if (!parameter.trainable) return;
    parameter.pendingUses -= 1;
    if (parameter.pendingUses === 0) this.#onGradient?.(parameter);
  }
}

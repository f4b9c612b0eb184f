import type { Engine, Tensor } from '../engine/index.js';
import type { AdamWSettings, StepContext } from './settings.js';

/** Where a direction is worked out: the gradient's own shape, be it dense [out, in] or compressed [r, out]. */
export interface GradientSpace {
  readonly engine: Engine;
  /** The parameter's name; state tensors are named after it. */
  readonly name: string;
  readonly shape: readonly number[];
  readonly settings: AdamWSettings;
}

/**
 * Turns gradients of one parameter into update directions U and owns the state this takes. It knows nothing of how U reaches
 * the weight, so every kind of state works on dense gradients and in subspaces alike.
 */
export interface Direction extends Disposable {
  /** State tensors by the ending of their names in a checkpoint, in a fixed order. */
  readonly state: ReadonlyMap<string, Tensor>;
  /** gradient ← factor·U, over the gradient itself. */
  take(gradient: Tensor, factor: number, context: StepContext): void;
  /** For a dense gradient W ← (1 − lr·decay)·W − lr·scale·U in one pass over memory, where there is such a kernel. */
  updateDense?(weight: Tensor, gradient: Tensor, step: WeightStep, context: StepContext): void;
}

/** The numbers of W ← (1 − learningRate·weightDecay)·W − learningRate·updateScale·U. */
export interface WeightStep {
  readonly learningRate: number;
  readonly updateScale: number;
  readonly weightDecay: number;
}

/** A state tensor of zeros, named after its parameter. */
export function zeroState(
  { engine, name }: Pick<GradientSpace, 'engine' | 'name'>,
  ending: string,
  shape: readonly number[],
): Tensor {
  const tensor = engine.allocate({ shape, role: 'optimizer', name: `${name}.${ending}` });
  engine.run('fill', { out: tensor, value: 0 });
  return tensor;
}

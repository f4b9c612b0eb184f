import type { DType, Engine, FloatType, Tensor } from '../engine/index.js';
import type { AdamWSettings, StepContext } from './settings.js';
import type { StateRoom } from './state-room.js';

/** Where a direction is worked out: the gradient's own shape, be it dense [out, in] or compressed [r, out]. */
export interface GradientSpace {
  readonly engine: Engine;
  /** The parameter's name; state tensors are named after it. */
  readonly name: string;
  readonly shape: readonly number[];
  /** Axis of the layer's outputs in a matrix: rows of a dense gradient, columns of a compressed one. */
  readonly outputs: 'rows' | 'columns';
  /** Whose updates these are. */
  readonly weight: Tensor;
  readonly settings: AdamWSettings;
  /** Where moments go that parameters share; undefined for memory of its own. */
  readonly room?: StateRoom | undefined;
  /** What first and second moments are stored in; f32 where left out. */
  readonly momentType?: FloatType;
  /** What gradients are stored in; f32 where left out. */
  readonly gradientType?: FloatType;
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

/** A state tensor that starts with one value everywhere, named after its parameter. */
export function newState(
  { engine, name, room }: GradientSpace,
  ending: string,
  shape: readonly number[],
  { dtype = 'f32', value = 0 }: { readonly dtype?: DType; readonly value?: number } = {},
): Tensor {
  if (room) return room.take(shape);
  const tensor = engine.allocate({ shape, dtype, role: 'optimizer', name: `${name}.${ending}` });
  engine.run('fill', { out: tensor, value });
  return tensor;
}

/** The parts of a direction that follow from its state tensors. */
export function stateOf(
  { engine }: GradientSpace,
  tensors: { readonly [ending: string]: Tensor },
): Pick<Direction, 'state' | typeof Symbol.dispose> {
  const state = new Map(Object.entries(tensors));
  return {
    state,
    [Symbol.dispose]() {
      for (const tensor of state.values()) engine.release(tensor);
    },
  };
}

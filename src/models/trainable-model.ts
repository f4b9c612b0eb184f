import type { Tensor } from '../engine/index.js';
import type { LossTarget, Parameter, Tape } from '../tape/index.js';

/** One micro-batch on an engine: B sequences of T tokens. */
export interface TokenBatch {
  /** [B·T], i32. */
  readonly ids: Tensor;
  readonly batch: number;
  readonly sequenceLength: number;
}

/** How logits and loss are formed. */
export type LossForm = { readonly form: 'full' } | { readonly form: 'fused'; readonly chunk: number };

/** A linear layer whose weight gradient may be compressed: its input is not also kept for a non-linear op. */
export interface SketchableLinear {
  /** Name of the weight. */
  readonly weight: string;
  /** Slot of the layer's input. */
  readonly slot: string;
  readonly inputSize: number;
  /** Layers with the same group read the same input and may share one sketch. */
  readonly inputGroup: string;
}

/** A norm whose γ can be multiplied into the linear layers that alone read its output. */
export interface MergeableNorm {
  /** Slot of the norm's input. */
  readonly slot: string;
  /** Name of γ. */
  readonly weight: string;
  /** Names of the weights, [out, in], of all readers of the norm's output. */
  readonly linears: readonly string[];
}

/** What training needs of a model. */
export interface TrainableModel extends Disposable {
  readonly parameters: readonly Parameter[];
  readonly sketchableLinears: readonly SketchableLinear[];
  /** Random weights from the seed. */
  initialize(seed: number): void;
  readonly mergeableNorms: readonly MergeableNorm[];
  /** Records a forward pass down to the loss, which is added to `target.loss`. */
  loss(tape: Tape, tokens: TokenBatch, target: LossTarget, form: LossForm): void;
}

import type { Tensor } from '../engine/index.js';
import type { LossTarget, Parameter, Tape } from '../tape/index.js';
import type { DropoutKeys } from './dropout-keys.js';
import type { FileFormat } from './file-format.js';

/** One micro-batch on an engine: B sequences of T tokens. */
export interface TokenBatch {
  /** [B·T], i32. */
  readonly ids: Tensor;
  readonly batch: number;
  readonly sequenceLength: number;
  /** [B·T], place of each token in its document, for models with a table of positions; left out: its place in the row. */
  readonly places?: Int32Array;
  /** [B·T, 2], i32: keys of its row that each token may attend to, from and up to; left out where all may. */
  readonly keyRanges?: Tensor;
  /** [B·T], i32: segment of each token; left out where all are 0. */
  readonly tokenTypes?: Tensor;
  /** [P], i32: numbers of the tokens that are predicted; left out where all are. */
  readonly predicted?: Tensor;
  /** Where masks of dropout come from; left out in evaluation, which drops nothing. */
  readonly dropout?: DropoutKeys;
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

/**
 * What training needs of a model. Weights and slots are named by their role (`layers.0.self_attn.q_proj`), the same in all
 * models, so that a plan's patterns fit every one; `files` has the names that they have in files.
 */
export interface TrainableModel extends Disposable {
  readonly parameters: readonly Parameter[];
  readonly sketchableLinears: readonly SketchableLinear[];
  readonly files: FileFormat;
  /** Random weights from the seed. */
  initialize(seed: number): void;
  readonly mergeableNorms: readonly MergeableNorm[];
  /** Records a forward pass down to the loss, which is added to `target.loss`. */
  loss(tape: Tape, tokens: TokenBatch, target: LossTarget, form: LossForm): void;
}

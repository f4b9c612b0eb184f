import type { Tensor } from '../engine/index.js';

/** Low-rank addition to a linear layer's weight: W + c·B·A (LoRA, arXiv 2106.09685). */
export interface LowRankAdapter {
  /** A, [r, in]. */
  readonly down: Parameter;
  /** B, [out, r]. */
  readonly up: Parameter;
  /** c = α/r. */
  readonly scale: number;
}

/**
 * A weight of the model with the gradient of the current step. The gradient has the weight's shape, or the shape of its
 * compressed form (r×m for a sketch); who reads it knows which by the plan.
 */
export class Parameter {
  /** Hugging Face's name, for example `model.layers.0.mlp.up_proj.weight`. */
  readonly name: string;
  readonly tensor: Tensor;
  /** A frozen parameter costs neither gradient nor optimizer bytes nor saved inputs; may change between steps only. */
  trainable: boolean;
  gradient: Tensor | undefined;
  /** What is added to this weight where it is a linear layer's; set before the first pass. */
  adapter: LowRankAdapter | undefined;
  /** Contributions to the gradient that backward still owes in this pass. */
  pendingUses = 0;

  constructor(name: string, tensor: Tensor, trainable = true) {
    this.name = name;
    this.tensor = tensor;
    this.trainable = trainable;
  }
}

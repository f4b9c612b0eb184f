import type { Tensor } from '../engine/index.js';

/**
 * A weight of the model with the gradient of the current step. The gradient has the weight's shape, or the shape of its
 * compressed form (r×m for a sketch); who reads it knows which by the plan.
 */
export class Parameter {
  /** Hugging Face's name, for example `model.layers.0.mlp.up_proj.weight`. */
  readonly name: string;
  readonly tensor: Tensor;
  /** A frozen parameter costs neither gradient nor optimizer bytes nor saved inputs; set before the first pass. */
  trainable: boolean;
  gradient: Tensor | undefined;
  /** Contributions to the gradient that backward still owes in this pass. */
  pendingUses = 0;

  constructor(name: string, tensor: Tensor, trainable = true) {
    this.name = name;
    this.tensor = tensor;
    this.trainable = trainable;
  }
}

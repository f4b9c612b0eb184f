import type { FloatType, Tensor } from '../engine/index.js';
import type { Tape } from '../tape/index.js';
import type { KeyValueCache } from './key-value-cache.js';
import type { CausalConfig } from './model-config.js';
import type { TokenBatch, TrainableModel } from './trainable-model.js';

/** A model that continues text. */
export interface CausalModel extends TrainableModel {
  readonly config: CausalConfig;
  /** Longest sequence that can be run. */
  readonly positions: number;
  /** What weights, and with them activations, are stored in. */
  readonly dtype: FloatType;
  /**
   * Logits after the last of these tokens, [1, V], owned by the caller. Inference only, one sequence.
   *
   * @param cache keys and values of earlier tokens; extended by these
   */
  nextLogits(tape: Tape, tokens: TokenBatch, cache: KeyValueCache): Tensor;
}

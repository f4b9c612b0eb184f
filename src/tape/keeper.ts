import type { Tensor } from '../engine/index.js';
import type { Parameter } from './parameter.js';
import type { Tape } from './tape.js';
import type { Value } from './value.js';

/** A tensor that forward kept for backward, in whatever form the plan gave its slot. */
export interface Kept {
  /** The tensor, valid until `release`. */
  restore(): Tensor;
  /** Backward is done with it. */
  release(): void;
}

/** The kept input of a linear layer: all that backward may ask is the weight's gradient. */
export interface KeptInput {
  /** Adds this layer's contribution to its weight's gradient; `dy` is ∂L/∂O, [N, m]. */
  weightGradient(dy: Tensor): void;
  release(): void;
}

/** Decides, slot by slot, how what an op declares is kept. Implemented by the forms in `keep/`. */
export interface Keeper {
  /** Keeps a value that a non-linear op's backward needs. */
  keep(tape: Tape, slot: string, value: Value): Kept;
  /** Keeps the input of a linear layer for its weight's gradient. */
  keepInput(tape: Tape, slot: string, input: Value, weight: Parameter): KeptInput;
  /** Whether an intermediate that backward could also recompute within its kernel is to be made and kept. */
  wants(slot: string): boolean;
}

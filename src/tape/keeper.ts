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

/** Activation functions whose derivative may be kept by itself. */
export type Activation = 'silu' | 'gelu';

/** The kept derivative of an activation function. */
export interface KeptSlope {
  /** dx = dy∘h′(x); `dx` may be `dy`. */
  multiply(dy: Tensor, dx: Tensor): void;
  release(): void;
}

/** Decides, slot by slot, how what an op declares is kept. Implemented by the forms in `keep/`. */
export interface Keeper {
  /** Keeps a value that a non-linear op's backward needs. */
  keep(tape: Tape, slot: string, value: Value): Kept;
  /** Keeps the input of a linear layer for its weight's gradient. */
  keepInput(tape: Tape, slot: string, input: Value, weight: Parameter): KeptInput;
  /** Whether the plan keeps of an activation's input only the derivative there. */
  keepsSlope(slot: string): boolean;
  /** Keeps the derivative of an activation function at this input. */
  keepSlope(tape: Tape, slot: string, input: Value, activation: Activation): KeptSlope;
  /** Whether a norm's backward is to work from its output, whose γ is 1, instead of from its input. */
  sharesOutput(slot: string): boolean;
  /** Whether an intermediate that backward could also recompute within its kernel is to be made and kept. */
  wants(slot: string): boolean;
}

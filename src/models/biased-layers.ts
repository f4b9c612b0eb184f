import type { Tensor } from '../engine/index.js';
import { dropout, embedding, linear, type Tape, type Value } from '../tape/index.js';
import { type DropoutKeys, drawDropout } from './dropout-keys.js';
import type { WeightTable } from './weight-table.js';

/** W·x + b of the layer at `model.${at}`, optionally plus a residual. */
export function biasedLinear(tape: Tape, weights: WeightTable, at: string, x: Value, residual?: Value): Value {
  const { weight, bias } = weights.pair(`model.${at}`);
  return linear(tape, at, x, weight, residual, bias);
}

/** Queries, keys and values of a block's attention at `at`. */
export function projectHeads(tape: Tape, weights: WeightTable, at: string, x: Value): readonly [Value, Value, Value] {
  const project = (name: string) => biasedLinear(tape, weights, `${at}.${name}`, x);
  return [project('q_proj'), project('k_proj'), project('v_proj')];
}

/** The end of half a block. */
export interface BranchEnd {
  /** For example `layers.0.mlp`. */
  readonly at: string;
  /** Its last layer. */
  readonly name: 'o_proj' | 'down_proj';
  readonly residual: Value;
  readonly keys: DropoutKeys | undefined;
  readonly probability: number;
}

/** residual + dropout(W·x + b). Takes over `x`. */
export function endBranch(tape: Tape, weights: WeightTable, x: Value, end: BranchEnd): Value {
  const { at, name, residual, keys, probability } = end;
  const random = drawDropout(keys, probability);
  const out = biasedLinear(tape, weights, `${at}.${name}`, x, random ? undefined : residual);
  tape.release(x);
  return random ? dropout(tape, `${at}.dropout`, out, { ...random, residual }) : out;
}

/** Dropout in training, nothing otherwise. Takes over `x`. */
export function drop(tape: Tape, slot: string, x: Value, keys: DropoutKeys | undefined, probability: number): Value {
  const random = drawDropout(keys, probability);
  return random ? dropout(tape, slot, x, random) : x;
}

/** Rows of the embedding table `model.${name}`. Takes over the ids. */
export function lookUp(tape: Tape, weights: WeightTable, name: string, ids: Tensor): Value {
  const numbers = tape.input(`${name}.ids`, ids);
  const found = embedding(tape, name, numbers, weights.get(`model.${name}.weight`));
  tape.release(numbers);
  return found;
}

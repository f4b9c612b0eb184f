import { packedBytes, type StepSlope, sizeOf } from '../engine/index.js';
import type { Activation, KeptSlope, Tape, Value } from '../tape/index.js';

const stepSlopeOf: { readonly [A in Activation]: StepSlope } = { silu: 'resilu2', gelu: 'regelu2' };

/**
 * `step2`: two bits per element say which of four levels stands for the derivative of an activation function in backward
 * (ReSiLU2 and ReGELU2 of Approx-BP, arXiv 2406.16282). The forward pass is exact; the gradient is biased.
 */
export function keepStepSlope(tape: Tape, slot: string, value: Value, activation: Activation): KeptSlope {
  const { engine } = tape;
  const shape = [packedBytes(sizeOf(value.shape), 2)];
  const codes = engine.allocate({ shape, dtype: 'u8', role: 'saved', name: slot });
  const name = stepSlopeOf[activation];
  engine.run('slopeCodes', { x: value.tensor, codes, function: name });
  return {
    multiply: (dy, dx) => engine.run('slopeBackward', { codes, dy, dx, function: name }),
    release: () => engine.release(codes),
  };
}

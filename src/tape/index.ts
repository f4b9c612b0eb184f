/**
 * @module tape
 * Differentiable ops that declare what they save, and the tape that runs them backwards.
 */
export type { Activation, Keeper, Kept, KeptInput, KeptSlope } from './keeper.js';
export { multiply, silu } from './ops/activation.js';
export { add } from './ops/add.js';
export { type AttentionOptions, attention } from './ops/attention.js';
export { crossEntropy, fusedLinearCrossEntropy, type LossTarget, linearCrossEntropy } from './ops/cross-entropy.js';
export { type DropoutOptions, dropout } from './ops/dropout.js';
export { embedding } from './ops/embedding.js';
export { gatherRows } from './ops/gather-rows.js';
export { gelu } from './ops/gelu.js';
export { layerNorm } from './ops/layer-norm.js';
export { linear } from './ops/linear.js';
export { rmsNorm } from './ops/rms-norm.js';
export { type RopeTables, rope } from './ops/rope.js';
export { squaredError } from './ops/squared-error.js';
export { swiglu } from './ops/swiglu.js';
export { tanh } from './ops/tanh.js';
export { type LowRankAdapter, Parameter } from './parameter.js';
export { type Application, Tape } from './tape.js';
export { type Encoding, type Recipe, type ReplayCost, type RunRows, Value } from './value.js';

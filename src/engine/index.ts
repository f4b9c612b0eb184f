/**
 * @module engine
 * Buffers and ops: the op contract, tensors, the ledger, and three engines that share them.
 */
export { Arena, aligned, FreeList, LayoutError, type StaticLayout } from './arena.js';
export type { GeluForm } from './contract/activation.js';
export { most8bitBlock } from './contract/adam-8bit.js';
export type { AttentionDropout } from './contract/attention.js';
export { type FastFamily, fastFamilies, hadamardSize } from './contract/fast-projection.js';
export { type Kernels, type OpArgs, type OpName, opNames, ops } from './contract/index.js';
export { packedBytes, type QuantizedBits, quantizedBits, quantizedGroups } from './contract/quantize.js';
export type { RandomKey } from './contract/random.js';
export type { Access, OpSpec } from './contract/spec.js';
export type { StepSlope } from './contract/step-slope.js';
export { createDryEngine } from './dry/dry-engine.js';
export { bytesPerElement, type DType, type FloatType, type Numbers, roundToBf16 } from './dtype.js';
export { signedCodes, unsignedCodes } from './dynamic-codes.js';
export { type Backend, Engine, type EngineName, type OpCall, type TensorSpec } from './engine.js';
export {
  CompactError,
  EngineUnavailableError,
  type ExitCode,
  InputError,
  LifetimeError,
  OutOfMemoryError,
  ShapeError,
} from './errors.js';
export { type BytesByRole, Ledger, type LedgerEvent, type LedgerReading } from './ledger.js';
export { type ComputingEngine, computingEngines, type EngineOptions, openEngine } from './open-engine.js';
export type { Spill, SpilledTensor, SpillOptions } from './spill.js';
export { byteLength, type Role, reshape, roles, rows, type Storage, sizeOf, type Tensor } from './tensor.js';
export { deriveKey, permutation, type RandomDomain, threefry, uniform } from './threefry.js';

import { bytesPerElement, type DType } from './dtype.js';
import { LifetimeError, ShapeError } from './errors.js';

/**
 * What a tensor is for: the ledger's columns.
 *
 * `weight` parameters · `gradient` gradients of parameters · `optimizer` moments · `saved` kept by forward for backward ·
 * `activation` values and gradients in flight · `projection` sketching matrices · `workspace` scratch of kernels ·
 * `data` token ids, tables · `host` bytes moved out of the engine to a slower tier, beside the totals.
 */
export const roles = [
  'weight',
  'gradient',
  'optimizer',
  'saved',
  'activation',
  'projection',
  'workspace',
  'data',
  'host',
] as const;
export type Role = (typeof roles)[number];

/** A block of engine memory, counted by the ledger, shared by tensors through reference counting. */
export interface Storage {
  /** Serial number of the allocation within its engine. */
  readonly id: number;
  readonly bytes: number;
  role: Role;
  /** What the bytes are, for example `layers.3.mlp.gate`. */
  name: string;
  references: number;
  /** Where the engine keeps the block: an arena offset (native) or an index of a buffer (reference). */
  readonly address: number;
}

/** A typed, shaped handle on engine memory. `offset` (elements) makes views of a larger storage. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly offset: number;
  readonly storage: Storage;
}

/** Number of elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

/** Bytes of a tensor of this shape and dtype. */
export function byteLength(shape: readonly number[], dtype: DType): number {
  return sizeOf(shape) * bytesPerElement[dtype];
}

/**
 * Consecutive rows of a tensor's first dimension, sharing its storage. A view holds no reference of its own: it is valid
 * as long as the tensor it was made from.
 */
export function rows(tensor: Tensor, start: number, count: number): Tensor {
  const [extent, ...rest] = tensor.shape;
  if (extent === undefined || start < 0 || count < 0 || start + count > extent) {
    throw new ShapeError(`rows ${start}..${start + count} of a tensor of shape [${tensor.shape}]`);
  }
  return { ...tensor, shape: [count, ...rest], offset: tensor.offset + start * sizeOf(rest) };
}

/** The same elements under another shape, sharing storage like `rows`. */
export function reshape(tensor: Tensor, shape: readonly number[]): Tensor {
  if (sizeOf(shape) !== sizeOf(tensor.shape)) {
    throw new ShapeError(`cannot view [${tensor.shape}] as [${shape}]`);
  }
  return { ...tensor, shape };
}

/** Throws when the tensor's storage has been freed. */
export function assertLive(tensor: Tensor): void {
  if (tensor.storage.references <= 0) throw new LifetimeError(`use of "${tensor.storage.name}" after it was freed`);
}

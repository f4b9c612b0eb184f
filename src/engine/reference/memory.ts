import { type DType, type Numbers, roundToBf16 } from '../dtype.js';
import { ShapeError } from '../errors.js';
import { byteLength, sizeOf, type Tensor } from '../tensor.js';

/**
 * Blocks of the reference engine. f32 tensors are held as float64, deliberately more precise than declared: rounding
 * would drown the finite differences that derivatives are checked with. bf16 tensors are float64 too, with values that
 * were rounded to bf16 when they were stored. The ledger counts the declared bytes all the same.
 *
 * An address is the number of a block. Arrays are made when a block is first touched (kernels' scratch never is) and
 * reused by size, because fresh memory is slow; every new block starts as NaN, so that a read of undefined contents shows.
 */
export class ReferenceMemory {
  readonly #blocks: Block[] = [];
  readonly #unusedAddresses: number[] = [];
  readonly #pools: Pools = { float: new Map(), i32: new Map(), u8: new Map() };

  allocate(bytes: number, dtype: DType): number {
    const address = this.#unusedAddresses.pop() ?? this.#blocks.length;
    this.#blocks[address] = newBlock(bytes, dtype);
    return address;
  }

  release(address: number): void {
    const block = this.#blocks[address];
    if (block.kind === 'float') recycle(this.#pools.float, block.data);
    else if (block.kind === 'i32') recycle(this.#pools.i32, block.data);
    else recycle(this.#pools.u8, block.data);
    block.data = undefined;
    this.#unusedAddresses.push(address);
  }

  /** The elements of an f32 or bf16 tensor; writing to the array writes to the tensor. */
  floats(tensor: Tensor): Float64Array {
    const block = this.#blocks[tensor.storage.address];
    if (block.kind !== 'float') throw wrongKind(tensor, 'floats');
    block.data ??= take(this.#pools.float, block.length, (length) => new Float64Array(length)).fill(Number.NaN);
    return block.data.subarray(tensor.offset, tensor.offset + sizeOf(tensor.shape));
  }

  /** Rounds what a bf16 tensor holds to what it can hold. */
  round(tensor: Tensor): void {
    if (tensor.dtype !== 'bf16') return;
    const values = this.floats(tensor);
    storeBf16(values, values);
  }

  /** The elements of an optional f32 tensor, or undefined where it is left out. */
  optionalFloats(tensor: Tensor | undefined): Float64Array | undefined {
    return tensor && this.floats(tensor);
  }

  /** The elements of an i32 tensor. */
  integers(tensor: Tensor): Int32Array {
    const block = this.#blocks[tensor.storage.address];
    if (block.kind !== 'i32') throw wrongKind(tensor, 'integers');
    block.data ??= take(this.#pools.i32, block.length, (length) => new Int32Array(length)).fill(-(2 ** 31));
    return block.data.subarray(tensor.offset, tensor.offset + sizeOf(tensor.shape));
  }

  /** The elements of a u8 tensor. */
  bytes(tensor: Tensor): Uint8Array {
    const block = this.#blocks[tensor.storage.address];
    if (block.kind !== 'u8') throw wrongKind(tensor, 'bytes');
    block.data ??= take(this.#pools.u8, block.length, (length) => new Uint8Array(length)).fill(0xa5);
    return block.data.subarray(tensor.offset, tensor.offset + sizeOf(tensor.shape));
  }

  write(tensor: Tensor, values: Numbers): void {
    switch (tensor.dtype) {
      case 'f32':
        this.floats(tensor).set(values);
        return;
      case 'bf16':
        storeBf16(this.floats(tensor), values);
        return;
      case 'i32':
        this.integers(tensor).set(values);
        return;
      case 'u8':
        this.bytes(tensor).set(values);
        return;
      default:
        tensor.dtype satisfies never;
    }
  }

  /** A copy of the tensor's values: float64 for f32 and bf16. */
  read(tensor: Tensor): Numbers {
    switch (tensor.dtype) {
      case 'f32':
      case 'bf16':
        return this.floats(tensor).slice();
      case 'i32':
        return this.integers(tensor).slice();
      case 'u8':
        return this.bytes(tensor).slice();
    }
  }

  clear(): void {
    this.#blocks.length = 0;
    this.#unusedAddresses.length = 0;
    for (const pool of Object.values(this.#pools)) pool.clear();
  }
}

/** Stores values rounded to bf16. */
function storeBf16(out: Float64Array, values: Numbers): void {
  for (let i = 0; i < out.length; i++) out[i] = roundToBf16(values[i]);
}

type Block =
  | { readonly kind: 'float'; readonly length: number; data: Float64Array | undefined }
  | { readonly kind: 'i32'; readonly length: number; data: Int32Array | undefined }
  | { readonly kind: 'u8'; readonly length: number; data: Uint8Array | undefined };

/** Arrays of freed blocks by length. */
type Pool<A> = Map<number, A[]>;

interface Pools {
  readonly float: Pool<Float64Array>;
  readonly i32: Pool<Int32Array>;
  readonly u8: Pool<Uint8Array>;
}

function newBlock(bytes: number, dtype: DType): Block {
  const length = bytes / byteLength([1], dtype);
  switch (dtype) {
    case 'f32':
    case 'bf16':
      return { kind: 'float', length, data: undefined };
    case 'i32':
      return { kind: 'i32', length, data: undefined };
    case 'u8':
      return { kind: 'u8', length, data: undefined };
  }
}

function take<A>(pool: Pool<A>, length: number, create: (length: number) => A): A {
  return pool.get(length)?.pop() ?? create(length);
}

function recycle<A extends { readonly length: number }>(pool: Pool<A>, data: A | undefined): void {
  if (!data) return;
  const sameLength = pool.get(data.length);
  if (sameLength) sameLength.push(data);
  else pool.set(data.length, [data]);
}

function wrongKind(tensor: Tensor, wanted: string): ShapeError {
  return new ShapeError(`"${tensor.storage.name}": expected ${wanted}, found ${tensor.dtype}`);
}

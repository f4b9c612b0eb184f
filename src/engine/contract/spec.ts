import type { DType, FloatType } from '../dtype.js';
import { ShapeError } from '../errors.js';
import type { Tensor } from '../tensor.js';

/** How an op touches a tensor: only reads it, overwrites all of it, or reads and changes it. */
export type Access = 'read' | 'write' | 'update';

/** Names of the tensor arguments of an op, optional ones included. */
export type TensorArgument<A> = { [K in keyof A]-?: NonNullable<A[K]> extends Tensor ? K : never }[keyof A] & string;

/**
 * Everything that is known about an op without running it. One description serves validation, the ledger (scratch), the
 * flop count, the engines' bindings and the contract suite.
 */
export interface OpSpec<A> {
  /** Access of every tensor argument. `write` becomes `update` where the op is told to accumulate. */
  readonly access: { readonly [K in TensorArgument<A>]: Access };
  /**
   * Groups of tensors that are stored alike: all tensors of a group f32, or all bf16. What is in no group has the dtype that
   * `check` asks for. Arithmetic is f32 either way; a bf16 output is rounded once, to nearest, when it is stored.
   */
  readonly storage?: readonly (readonly TensorArgument<A>[])[];
  /** Pairs `[output, input]` that may be the very same tensor; every other overlap is refused. */
  readonly inPlace?: readonly (readonly [TensorArgument<A>, TensorArgument<A>])[];
  /** Throws a ShapeError when shapes, dtypes or numbers do not fit. */
  check(args: A): void;
  /** Floating-point operations of the matrix products in the op (a multiply-add counts 2); 0 for memory-bound ops. */
  flops(args: A): number;
  /** Bytes that the op moves, where that is less than all of its tensors. */
  traffic?(args: A): number;
  /** Bytes of scratch the kernels may use, for this many threads; counted as `workspace` while the op runs. */
  scratch?(args: A, threads: number): number;
}

/** Throws unless the tensor has exactly this shape and (by default) dtype f32. */
export function expectTensor(name: string, tensor: Tensor, shape: readonly number[], dtype: DType = 'f32'): void {
  if (tensor.dtype !== dtype) throw new ShapeError(`${name}: expected ${dtype}, found ${tensor.dtype}`);
  expectShape(name, tensor, shape);
}

/** Throws unless the tensor has exactly this shape; its dtype is a matter of the op's `storage`. */
export function expectShape(name: string, { shape: found }: Tensor, shape: readonly number[]): void {
  if (found.length !== shape.length || found.some((extent, axis) => extent !== shape[axis])) {
    throw new ShapeError(`${name}: expected [${shape.join(', ')}], found [${found.join(', ')}]`);
  }
}

/** Throws unless the tensor has exactly this shape and holds floats: f32 or bf16. */
export function expectFloats(name: string, tensor: Tensor, shape: readonly number[]): void {
  if (tensor.dtype !== 'f32' && tensor.dtype !== 'bf16') {
    throw new ShapeError(`${name}: expected f32 or bf16, found ${tensor.dtype}`);
  }
  expectTensor(name, tensor, shape, tensor.dtype);
}

/** The dtype of each storage group, in order; throws a ShapeError where a group is not stored alike. */
export function storageTypes<A>(op: string, { storage = [] }: OpSpec<A>, args: A): readonly FloatType[] {
  return storage.map((group) => {
    let first: { readonly name: string; readonly dtype: FloatType } | undefined;
    for (const name of group) {
      const tensor = (args as { readonly [K in TensorArgument<A>]?: Tensor })[name];
      if (!tensor) continue;
      const { dtype } = tensor;
      if (dtype !== 'f32' && dtype !== 'bf16') {
        throw new ShapeError(`${op} ${name}: expected f32 or bf16, found ${dtype}`);
      }
      first ??= { name, dtype };
      if (dtype !== first.dtype) {
        throw new ShapeError(`${op} ${name}: expected ${first.dtype} like ${first.name}, found ${dtype}`);
      }
    }
    return first?.dtype ?? 'f32';
  });
}

/** Rows and columns of a matrix argument; throws when it is not one. */
export function matrix(name: string, tensor: Tensor): readonly [rows: number, columns: number] {
  const [rows, columns] = tensor.shape;
  if (tensor.shape.length !== 2 || rows === undefined || columns === undefined) {
    throw new ShapeError(`${name}: expected a matrix, found [${tensor.shape.join(', ')}]`);
  }
  return [rows, columns];
}

/** Throws a ShapeError with this sentence unless the condition holds. */
export function require(condition: boolean, sentence: string): void {
  if (!condition) throw new ShapeError(sentence);
}

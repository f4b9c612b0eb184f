import type { Arena, StaticLayout } from './arena.js';
import { type Kernels, type OpArgs, type OpName, ops } from './contract/index.js';
import { type OpSpec, storageTypes } from './contract/spec.js';
import { bytesPerElement, type DType, type Numbers } from './dtype.js';
import { LifetimeError, ShapeError } from './errors.js';
import { Ledger } from './ledger.js';
import { Spill, type SpillDevice, type SpillOptions } from './spill.js';
import { assertLive, byteLength, type Role, type Storage, sizeOf, type Tensor } from './tensor.js';

export type EngineName = 'reference' | 'dry' | 'native';

/** What makes an engine: memory, kernels and the crossing of values. Everything else is the same for all engines. */
export interface Backend {
  readonly name: EngineName;
  /** Threads that kernels run on; scratch is declared per thread. */
  readonly threads: number;
  readonly kernels: Kernels;
  /** The arena that addresses come from, for engines that have one. */
  readonly arena?: Arena;
  /** Address of a new block with undefined contents. */
  allocate(bytes: number, dtype: DType): number;
  release(address: number, bytes: number): void;
  /** Told of each tensor that an op has written. */
  stored?(tensor: Tensor): void;
  write(tensor: Tensor, values: Numbers): void;
  read(tensor: Tensor): Promise<Numbers>;
  /** Opens the slower tier; one at a time. */
  openSpill(options: SpillOptions): SpillDevice;
  dispose(): void;
}

/** One op that ran, as planners and profilers see it. */
export interface OpCall {
  readonly op: OpName;
  /** Operations of matrix products. */
  readonly flops: number;
  /** Tensor bytes that the op moves: what it reads, writes, or (twice) updates. */
  readonly bytes: number;
  /** Whether any of its tensors is stored in bf16. */
  readonly bf16: boolean;
}

/** What to allocate. */
export interface TensorSpec {
  readonly shape: readonly number[];
  readonly dtype?: DType;
  readonly role: Role;
  readonly name: string;
}

/**
 * Owns tensors and runs ops on them. All engines share this front: validation, reference counts, the ledger, scratch and
 * the flop count happen here, so that a dry run and a real run differ only in the kernels.
 *
 * Ops run in the order of the calls. Only `read` waits; no op returns a number.
 */
export class Engine implements Disposable {
  readonly ledger = new Ledger();
  readonly #backend: Backend;
  readonly #flops = new Map<OpName, number>();
  #nextId = 0;
  #observer: ((call: OpCall) => void) | undefined;

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  get name(): EngineName {
    return this.#backend.name;
  }

  get threads(): number {
    return this.#backend.threads;
  }

  /** The arena behind the engine's addresses, where there is one. */
  get arena(): Arena | undefined {
    return this.#backend.arena;
  }

  /** A tensor with undefined contents and one reference. */
  allocate(spec: TensorSpec): Tensor {
    const dtype = spec.dtype ?? 'f32';
    const bytes = byteLength(spec.shape, dtype);
    const whole = spec.shape.every((extent) => Number.isSafeInteger(extent) && extent > 0);
    if (!whole || !Number.isSafeInteger(bytes)) throw new ShapeError(`${spec.name}: cannot allocate [${spec.shape}]`);
    const storage: Storage = {
      id: this.#nextId++,
      bytes,
      role: spec.role,
      name: spec.name,
      references: 1,
      address: this.#backend.allocate(bytes, dtype),
    };
    this.ledger.allocate(storage);
    return { shape: spec.shape, dtype, offset: 0, storage };
  }

  /** Adds a reference to the tensor's storage; returns the tensor. */
  retain(tensor: Tensor): Tensor {
    assertLive(tensor);
    tensor.storage.references += 1;
    return tensor;
  }

  /** Drops a reference; the storage is freed with the last one. */
  release(tensor: Tensor): void {
    const { storage } = tensor;
    if (storage.references <= 0) throw new LifetimeError(`"${storage.name}" was freed twice`);
    storage.references -= 1;
    if (storage.references > 0) return;
    this.ledger.free(storage);
    this.#backend.release(storage.address, storage.bytes);
  }

  /** Validates the arguments, provides scratch and runs the op. */
  run<K extends OpName>(op: K, args: OpArgs[K]): void {
    const spec: OpSpec<OpArgs[K]> = ops[op];
    checkTensors(op, spec, args);
    storageTypes(op, spec, args);
    spec.check(args);
    const flops = spec.flops(args);
    if (flops > 0) this.#flops.set(op, (this.#flops.get(op) ?? 0) + flops);
    this.#runKernel(op, spec, args);
    if (this.#backend.stored) for (const tensor of writtenBy(spec, args)) this.#backend.stored(tensor);
    this.#observer?.(describeCall(op, spec, args, flops));
  }

  /** Tells `observer` of every later op, after it ran, until called with undefined. */
  observe(observer: ((call: OpCall) => void) | undefined): void {
    this.#observer = observer;
  }

  /**
   * Copies values into a tensor; bf16 rounds to nearest, ties to even.
   *
   * @param values or what makes them, which is not asked where nothing is computed
   */
  write(tensor: Tensor, values: Numbers | (() => Numbers)): void {
    assertLive(tensor);
    assertWithin('write', tensor);
    if (typeof values === 'function') {
      if (this.name !== 'dry') this.write(tensor, values());
      return;
    }
    if (values.length !== sizeOf(tensor.shape)) {
      throw new ShapeError(`write to "${tensor.storage.name}" [${tensor.shape}]: ${values.length} values`);
    }
    this.#backend.write(tensor, values);
  }

  /** Copies a tensor's values out: floats for f32 and bf16 (float64 on the reference engine), integers otherwise. */
  read(tensor: Tensor): Promise<Numbers> {
    assertLive(tensor);
    assertWithin('read', tensor);
    return this.#backend.read(tensor);
  }

  /**
   * Opens a slower tier for tensors, one at a time.
   *
   * @throws InputError where the directory cannot take the bytes
   */
  openSpill(options: SpillOptions): Spill {
    return new Spill(this.#backend.openSpill(options), this.ledger, options.bytes);
  }

  /** Floating-point operations of matrix products since the start, by op. */
  flopsByOp(): ReadonlyMap<OpName, number> {
    return new Map(this.#flops);
  }

  /** Floating-point operations of matrix products since the start. */
  get flops(): number {
    let total = 0;
    for (const count of this.#flops.values()) total += count;
    return total;
  }

  /** Runs a program with its allocations at planned addresses (or best-fit in the same region without a layout). */
  inRegion<T>(layout: StaticLayout | undefined, body: () => Promise<T>): Promise<T> {
    return this.#backend.arena?.inRegion(layout, body) ?? body();
  }

  dispose(): void {
    this.#backend.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #runKernel<K extends OpName>(op: K, spec: OpSpec<OpArgs[K]>, args: OpArgs[K]): void {
    const scratchBytes = spec.scratch?.(args, this.threads) ?? 0;
    const kernel: Kernels[K] = this.#backend.kernels[op];
    if (scratchBytes === 0) {
      kernel(args, undefined);
      return;
    }
    const scratch = this.allocate({ shape: [Math.ceil(scratchBytes / 4)], role: 'workspace', name: `${op}.scratch` });
    try {
      kernel(args, scratch);
    } finally {
      this.release(scratch);
    }
  }
}

function* writtenBy<A>(spec: OpSpec<A>, args: A): Generator<Tensor> {
  for (const name in spec.access) {
    const key = name as keyof typeof spec.access;
    const tensor = args[key] as Tensor | undefined;
    if (tensor && spec.access[key] !== 'read') yield tensor;
  }
}

function describeCall<A>(op: OpName, spec: OpSpec<A>, args: A, flops: number): OpCall {
  let bytes = 0;
  let bf16 = false;
  for (const name in spec.access) {
    const key = name as keyof typeof spec.access;
    const tensor = args[key] as Tensor | undefined;
    if (tensor === undefined) continue;
    bytes += byteLength(tensor.shape, tensor.dtype) * (spec.access[key] === 'update' ? 2 : 1);
    bf16 ||= tensor.dtype === 'bf16';
  }
  return { op, flops, bytes: spec.traffic?.(args) ?? bytes, bf16 };
}

/** Checks that all tensors are live and that no output overlaps another argument, except where the op allows it. */
function checkTensors<A>(op: OpName, spec: OpSpec<A>, args: A): void {
  for (const name in spec.access) {
    const tensor = args[name as keyof A] as Tensor | undefined;
    if (tensor === undefined) continue;
    assertLive(tensor);
    assertWithin(op, tensor, name);
  }
  for (const name in spec.access) {
    const output = args[name as keyof A] as Tensor | undefined;
    if (output === undefined || spec.access[name as keyof typeof spec.access] === 'read') continue;
    for (const otherName in spec.access) {
      const other = args[otherName as keyof A] as Tensor | undefined;
      if (other === undefined || otherName === name || !overlap(output, other)) continue;
      const same = firstByte(output) === firstByte(other) && output.dtype === other.dtype;
      const allowed = spec.inPlace?.some(
        ([out, input]) => (out === name && input === otherName) || (out === otherName && input === name),
      );
      if (!same || !allowed) throw new ShapeError(`${op}: ${name} overlaps ${otherName}`);
    }
  }
}

function overlap(a: Tensor, b: Tensor): boolean {
  if (a.storage !== b.storage) return false;
  return firstByte(a) < endByte(b) && firstByte(b) < endByte(a);
}

function firstByte({ offset, dtype }: Tensor): number {
  return offset * bytesPerElement[dtype];
}

function endByte(tensor: Tensor): number {
  return firstByte(tensor) + byteLength(tensor.shape, tensor.dtype);
}

/** Throws unless a view has elements and all of them lie in its storage: views may be made by hand. */
function assertWithin(op: string, tensor: Tensor, argument?: string): void {
  const { shape, offset, storage } = tensor;
  const whole = shape.every((extent) => Number.isSafeInteger(extent) && extent > 0);
  const name = () => (argument === undefined ? op : `${op} ${argument}`);
  if (!whole) throw new ShapeError(`${name()}: [${shape.join(', ')}] is no shape with elements`);
  if (!Number.isSafeInteger(offset) || offset < 0 || endByte(tensor) > storage.bytes) {
    throw new ShapeError(`${name()}: [${shape.join(', ')}] from element ${offset} reaches beyond "${storage.name}"`);
  }
}

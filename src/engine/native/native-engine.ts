import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { Arena } from '../arena.js';
import type { Numbers } from '../dtype.js';
import { type Backend, Engine } from '../engine.js';
import { EngineUnavailableError, OutOfMemoryError } from '../errors.js';
import { sizeOf, type Tensor } from '../tensor.js';
import {
  addonPath,
  type Isa,
  isaNames,
  loadAddon,
  type NativeAddon,
  type NativeHandle,
  type RawValues,
} from './addon.js';
import { argumentSlots, byteOffset, nativeKernels } from './kernels.js';
import { openNativeSpill } from './native-spill.js';

export interface NativeOptions {
  /** Threads that kernels run on, the caller's included; all processors by default. Results do not depend on it. */
  readonly threads?: number | undefined;
  /** Instruction set; the best one by default, or what the environment variable COMPACT_ISA names. */
  readonly isa?: Isa | undefined;
  /** Most bytes the arena may ever hold. Only addresses are reserved in advance, not memory. */
  readonly capacityBytes?: number | undefined;
}

/** Addresses reserved by default; memory is taken as it is needed. */
const defaultCapacityBytes = 2 ** 38;

const hint = 'build it with `npx compact doctor --build` (needs a C++ compiler: apt-get install g++)';

/**
 * The engine for training: C++ kernels on all threads, in one arena of huge pages.
 *
 * @throws EngineUnavailableError when the addon is missing or the machine lacks the instruction set
 */
export function createNativeEngine(options: NativeOptions = {}): Engine {
  const addon = requireAddon();
  const isa = options.isa ?? isaFromEnvironment() ?? addon.tiers()[0];
  if (!addon.tiers().includes(isa)) {
    throw new EngineUnavailableError(
      `this machine cannot run the instruction set ${isa}`,
      `supported here: ${addon.tiers().join(', ')}`,
    );
  }
  const threads = options.threads ?? availableParallelism();
  if (!Number.isInteger(threads) || threads < 1 || threads > 256) {
    throw new EngineUnavailableError(`the native engine cannot run on ${threads} threads`, 'give 1 to 256 threads');
  }
  return new Engine(nativeBackend(addon, threads, isa, options.capacityBytes ?? defaultCapacityBytes));
}

function nativeBackend(addon: NativeAddon, threads: number, isa: Isa, capacityBytes: number): Backend {
  const block = new Float64Array(argumentSlots);
  const handle = addon.open(threads, isa, capacityBytes, block);
  const arena = new Arena(addon.info(handle).capacityBytes, (bytes) => grow(addon, handle, bytes));
  let open = true;
  return {
    name: 'native',
    threads,
    arena,
    kernels: nativeKernels(block, (opCode) => addon.run(handle, opCode)),
    allocate: (bytes) => arena.allocate(bytes),
    release: (address, bytes) => arena.free(address, bytes),
    write: (tensor, values) => addon.write(handle, byteOffset(tensor), rawValues(tensor, values), isBf16(tensor)),
    read: async (tensor) => {
      const values = emptyValues(tensor);
      addon.read(handle, byteOffset(tensor), values, isBf16(tensor));
      return values;
    },
    openSpill: (options) => openNativeSpill(addon, handle, options),
    dispose: () => {
      if (open) addon.close(handle);
      open = false;
    },
  };
}

function grow(addon: NativeAddon, handle: NativeHandle, bytes: number): void {
  try {
    addon.grow(handle, bytes);
  } catch (error) {
    throw new OutOfMemoryError(
      `the system did not give the arena ${bytes} bytes (${error instanceof Error ? error.message : error})`,
      'use a smaller batch or a plan that keeps less (compact plan shows where the bytes are)',
    );
  }
}

function isBf16(tensor: Tensor): boolean {
  return tensor.dtype === 'bf16';
}

/** Values as the addon takes them: f32 for both float types, which C++ rounds to bf16. */
function rawValues({ dtype }: Tensor, values: Numbers): RawValues {
  if (dtype === 'i32') return values instanceof Int32Array ? values : Int32Array.from(values);
  if (dtype === 'u8') return values instanceof Uint8Array ? values : Uint8Array.from(values);
  return values instanceof Float32Array ? values : Float32Array.from(values);
}

function emptyValues({ dtype, shape }: Tensor): RawValues {
  const length = sizeOf(shape);
  if (dtype === 'i32') return new Int32Array(length);
  return dtype === 'u8' ? new Uint8Array(length) : new Float32Array(length);
}

/** The addon; throws an EngineUnavailableError with the reason when it cannot be loaded. */
export function requireAddon(): NativeAddon {
  try {
    return loadAddon();
  } catch (error) {
    const what = existsSync(addonPath) ? `its addon does not load: ${addonPath}` : `no addon at ${addonPath}`;
    throw new EngineUnavailableError(`the native engine is not there: ${what}`, hint, error);
  }
}

/** Instruction set that COMPACT_ISA names, so that one machine can run the test suites on every tier. */
function isaFromEnvironment(): Isa | undefined {
  const name = process.env.COMPACT_ISA;
  if (!name) return undefined;
  const isa = isaNames.find((known) => known === name);
  if (isa) return isa;
  throw new EngineUnavailableError(`COMPACT_ISA=${name} names no instruction set`, `use one of ${isaNames.join(', ')}`);
}

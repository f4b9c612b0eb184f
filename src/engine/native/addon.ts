import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Instruction sets that the kernels exist for, best first. */
export const isaNames = ['avx512bf16', 'avx512', 'avx2', 'neon', 'generic'] as const;
export type Isa = (typeof isaNames)[number];

declare const handleBrand: unique symbol;
/** An engine on the C++ side. Never used twice, so that a stale one is an error and not another engine. */
export type NativeHandle = number & { readonly [handleBrand]: true };

/** Arrays that cross to C++ as they are. */
export type RawValues = Float32Array | Int32Array | Uint8Array;

/** The addon's functions; `native/binding/addon.cpp` is the other side. All throw errors with a `code`. */
export interface NativeAddon {
  /** Instruction sets that this machine can run, best first. */
  tiers(): readonly Isa[];
  open(threads: number, isa: Isa, capacityBytes: number, block: Float64Array): NativeHandle;
  close(handle: NativeHandle): void;
  /** Makes the first `bytes` of the arena usable. */
  grow(handle: NativeHandle, bytes: number): void;
  info(handle: NativeHandle): { isa: Isa; threads: number; reservedBytes: number; capacityBytes: number };
  /** Runs the op whose arguments stand in the block. */
  run(handle: NativeHandle, opCode: number): void;
  write(handle: NativeHandle, byteOffset: number, values: RawValues, bf16: boolean): void;
  read(handle: NativeHandle, byteOffset: number, values: RawValues, bf16: boolean): void;
  /** Opens an unnamed file in a directory, with room for `bytes`; SPILL_DIRECTORY, SPILL_FULL or SPILL_FAILED where it cannot. */
  spillOpen(handle: NativeHandle, directory: string, bytes: number): void;
  spillClose(handle: NativeHandle): void;
  /** Bytes per second of a write of so many bytes that has reached the device. */
  spillProbe(handle: NativeHandle, bytes: number): number;
  /** Asks for a transfer of `bytes` at an offset of the arena to (or from) a place in the file; gives its number, from 1. */
  spillWrite(handle: NativeHandle, byteOffset: number, bytes: number, at: number): number;
  spillRead(handle: NativeHandle, byteOffset: number, bytes: number, at: number): number;
  /** Waits until a transfer and all before it are done. */
  spillWait(handle: NativeHandle, transfer: number): void;
  /**
   * Goes once through streams of `bytes` each at the start of the arena, on all threads: first those that are read, then those
   * read and rewritten, then those written.
   */
  stream(handle: NativeHandle, bytes: number, reads: number, updates: number, writes: number): void;
  /** Whether an open file is this descriptor's alone from now on (flock), until it is closed or the process ends; LOCK_FAILED. */
  lock(descriptor: number): boolean;
  /** GFLOP/s of so many simultaneous threads in registers, f32 and bf16; 0 where there is no such instruction. */
  peak(isa: Isa, threads: number): readonly [f32: number, bf16: number];
}

/** Folder of the package: the nearest one above this file that has a package.json, for `src/` and `dist/` alike. */
function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}

/** Where scripts/build-native.mjs puts the addon; COMPACT_NATIVE_BUILD=native-sanitized picks the sanitizer build. */
export const addonPath = join(
  packageRoot(),
  'build',
  process.env.COMPACT_NATIVE_BUILD ?? 'native',
  `${process.platform}-${process.arch}`,
  'compact.node',
);

/** Loads the addon; throws what Node throws when the file is missing or broken. */
export function loadAddon(): NativeAddon {
  const load: (path: string) => NativeAddon = createRequire(import.meta.url);
  return load(addonPath);
}

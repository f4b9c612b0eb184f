import { FreeList } from './arena.js';
import { OutOfMemoryError } from './errors.js';
import type { Ledger } from './ledger.js';
import { byteLength, type Tensor } from './tensor.js';

/**
 * The slower tier of an engine, for example a file. Transfers run in the order in which they are asked for, perhaps beside
 * the engine's work; each has a number, from 1.
 */
export interface SpillDevice {
  /** Begins to copy a tensor out to a place; its memory must stay until the transfer is awaited. */
  write(tensor: Tensor, at: number): number;
  /** Begins to copy a place into a tensor of the same bytes. */
  read(tensor: Tensor, at: number): number;
  /** Waits for a transfer and all before it. */
  wait(transfer: number): void;
  close(): void;
}

/** Where tensors are moved to. */
export interface SpillOptions {
  /** A directory on the slower tier; only engines that compute for real need one. */
  readonly directory?: string | undefined;
  /** Most bytes that will be there at a time. */
  readonly bytes: number;
  /** Refuse a directory that takes fewer bytes per second than this. */
  readonly bandwidth?: number | undefined;
}

/** A tensor's bytes on the slower tier. */
export interface SpilledTensor {
  readonly at: number;
  readonly bytes: number;
}

/** Hands out places on the slower tier and books them: the ledger's `host` column, which is no part of an engine's memory. */
export class Spill implements Disposable {
  readonly #device: SpillDevice;
  readonly #ledger: Ledger;
  readonly #places: FreeList;

  constructor(device: SpillDevice, ledger: Ledger, bytes: number) {
    this.#device = device;
    this.#ledger = ledger;
    this.#places = new FreeList(0, bytes);
  }

  /** Bytes from the first place to the end of the last one that was ever in use. */
  get highWater(): number {
    return this.#places.highWater;
  }

  /** Begins to move a tensor out; the caller keeps its memory until `wait`. */
  moveOut(tensor: Tensor): { readonly spilled: SpilledTensor; readonly transfer: number } {
    const bytes = byteLength(tensor.shape, tensor.dtype);
    const at = this.#places.allocate(bytes);
    if (at === undefined) throw new OutOfMemoryError(`the offload file has no room for ${bytes} bytes more`);
    this.#ledger.moveOut(bytes);
    return { spilled: { at, bytes }, transfer: this.#device.write(tensor, at) };
  }

  /** Begins to move the bytes into a tensor; gives the transfer's number. */
  moveIn({ at }: SpilledTensor, tensor: Tensor): number {
    return this.#device.read(tensor, at);
  }

  /** Waits for a transfer and all before it. */
  wait(transfer: number): void {
    this.#device.wait(transfer);
  }

  /** Gives the place free; its transfers must be over. */
  drop({ at, bytes }: SpilledTensor): void {
    this.#places.free(at, bytes);
    this.#ledger.moveIn(bytes);
  }

  [Symbol.dispose](): void {
    this.#device.close();
  }
}

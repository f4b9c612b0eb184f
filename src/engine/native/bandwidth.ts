import type { Isa } from './addon.js';
import { requireAddon } from './native-engine.js';

/** What an op does to memory, as streams of equal length. */
export interface Streams {
  readonly reads: number;
  /** Read and written back. */
  readonly updates: number;
  readonly writes: number;
  /** Bytes of one stream. */
  readonly bytes: number;
}

/** Bytes that go over the memory bus: an update counts twice. */
export function streamedBytes({ reads, updates, writes, bytes }: Streams): number {
  return (reads + 2 * updates + writes) * bytes;
}

/**
 * Measures bandwidth by kernels that do nothing but stream, with the mix of reads and writes of the op that is compared with
 * it. Clocks and neighbours change, so measure right before or after the op.
 */
export class BandwidthMeter implements Disposable {
  readonly #addon = requireAddon();
  readonly #handle;
  readonly #capacity: number;

  /**
   * @param capacityBytes of all streams together
   * @throws EngineUnavailableError when the addon is missing
   */
  constructor(threads: number, capacityBytes: number, isa: Isa = requireAddon().tiers()[0]) {
    this.#capacity = Math.ceil(capacityBytes / 2 ** 21) * 2 ** 21;
    this.#handle = this.#addon.open(threads, isa, this.#capacity, new Float64Array(64));
    this.#addon.grow(this.#handle, this.#capacity);
  }

  /** Seconds of one pass. */
  seconds({ bytes, reads, updates, writes }: Streams): number {
    const started = performance.now();
    this.#addon.stream(this.#handle, bytes, reads, updates, writes);
    return (performance.now() - started) / 1000;
  }

  [Symbol.dispose](): void {
    this.#addon.close(this.#handle);
  }
}

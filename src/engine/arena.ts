import { CompactError, OutOfMemoryError } from './errors.js';

/** Every block starts at a multiple of this: a cache line is 64, WebGPU's binding offsets are 256. */
export const arenaAlignment = 256;

/** Bytes a block takes in an arena. */
export function aligned(bytes: number): number {
  return Math.max(arenaAlignment, Math.ceil(bytes / arenaAlignment) * arenaAlignment);
}

/**
 * Places for a fixed sequence of allocations, worked out in advance from their lifetimes: allocation i of a program goes to
 * `offsets[i]` and must have `sizes[i]` bytes.
 */
export interface StaticLayout {
  readonly offsets: readonly number[];
  readonly sizes: readonly number[];
  /** Bytes from the lowest to the highest address used. */
  readonly bytes: number;
}

/** A run departed from the allocations its layout was made for: a bug of the planner, never of the user. */
export class LayoutError extends CompactError {
  constructor(message: string) {
    super(message, { code: 'LAYOUT', exitCode: 1 });
  }
}

/** Best-fit allocator over addresses [start, end); knows nothing of the memory behind them. */
export class FreeList {
  /** Free holes by start address, in ascending order, never adjacent. */
  readonly #holes: { start: number; bytes: number }[];
  readonly #start: number;
  #highWater: number;

  constructor(start: number, bytes: number) {
    this.#holes = [{ start, bytes }];
    this.#start = start;
    this.#highWater = start;
  }

  /** Most bytes from the start that were ever in use. */
  get highWater(): number {
    return this.#highWater - this.#start;
  }

  /** Address of a block in the smallest hole that fits, or undefined. */
  allocate(bytes: number): number | undefined {
    const wanted = aligned(bytes);
    let best: number | undefined;
    for (const [index, hole] of this.#holes.entries()) {
      if (hole.bytes >= wanted && (best === undefined || hole.bytes < this.#holes[best].bytes)) best = index;
    }
    if (best === undefined) return undefined;
    const hole = this.#holes[best];
    const address = hole.start;
    hole.start += wanted;
    hole.bytes -= wanted;
    if (hole.bytes === 0) this.#holes.splice(best, 1);
    this.#highWater = Math.max(this.#highWater, address + wanted);
    return address;
  }

  free(address: number, bytes: number): void {
    const freed = { start: address, bytes: aligned(bytes) };
    let index = this.#holes.findIndex((hole) => hole.start > address);
    if (index < 0) index = this.#holes.length;
    const after = this.#holes[index];
    if (after && freed.start + freed.bytes === after.start) {
      freed.bytes += after.bytes;
      this.#holes.splice(index, 1);
    }
    const before = this.#holes[index - 1];
    if (before && before.start + before.bytes === freed.start) before.bytes += freed.bytes;
    else this.#holes.splice(index, 0, freed);
  }
}

/**
 * Addresses within one arena. Long-lived blocks come from a best-fit allocator; a *region* can be set aside in which a
 * program with a known sequence of allocations runs at addresses fixed in advance, or a program without one runs best-fit.
 */
export class Arena {
  readonly #blocks: FreeList;
  readonly #capacity: number;
  #region: { start: number; bytes: number } | undefined;
  #program: { layout: StaticLayout; next: number } | undefined;
  #scratch: FreeList | undefined;
  readonly #grow: (bytes: number) => void;
  #reserved = 0;

  /**
   * @param capacity most bytes the arena may ever reach
   * @param grow called before addresses beyond all earlier ones are handed out, with the bytes that must exist from 0
   */
  constructor(capacity: number, grow: (bytes: number) => void = () => {}) {
    this.#blocks = new FreeList(0, capacity);
    this.#capacity = capacity;
    this.#grow = grow;
  }

  /** Bytes of memory the arena holds, alignment and holes included. */
  get reserved(): number {
    return this.#reserved;
  }

  /** Sets bytes aside for programs; called once, after the long-lived blocks are placed. */
  setRegion(bytes: number): void {
    if (this.#region) throw new LayoutError('the arena already has a region');
    this.#region = { start: this.#place(bytes), bytes: aligned(bytes) };
  }

  allocate(bytes: number): number {
    if (this.#program) return this.#nextOfProgram(bytes);
    return this.#scratch?.allocate(bytes) ?? this.#place(bytes);
  }

  free(address: number, bytes: number): void {
    const region = this.#region;
    if (!region || address < region.start || address >= region.start + region.bytes) this.#blocks.free(address, bytes);
    else if (!this.#program) this.#scratch?.free(address, bytes);
  }

  /** Runs `body` with its allocations in the region: at the layout's addresses, or best-fit where there is no layout. */
  async inRegion<T>(layout: StaticLayout | undefined, body: () => Promise<T>): Promise<T> {
    const region = this.#region;
    if (!region) return body();
    if (this.#program || this.#scratch) throw new LayoutError('programs cannot be nested');
    if (layout && layout.bytes > region.bytes) {
      throw new LayoutError(`a layout of ${layout.bytes} bytes does not fit a region of ${region.bytes}`);
    }
    if (layout) this.#program = { layout, next: 0 };
    else this.#scratch = new FreeList(region.start, region.bytes);
    try {
      return await body();
    } finally {
      this.#program = undefined;
      this.#scratch = undefined;
    }
  }

  #nextOfProgram(bytes: number): number {
    if (!this.#program || !this.#region) throw new LayoutError('no program is running');
    const { layout, next } = this.#program;
    if (bytes !== layout.sizes[next]) {
      throw new LayoutError(
        `allocation ${next} of the program: planned ${layout.sizes[next]} bytes, asked for ${bytes}`,
      );
    }
    this.#program.next = next + 1;
    return this.#region.start + layout.offsets[next];
  }

  #place(bytes: number): number {
    const address = this.#blocks.allocate(bytes);
    if (address === undefined) {
      throw new OutOfMemoryError(
        `the arena is full: ${bytes} bytes more do not fit into ${this.#capacity}`,
        'use a smaller batch or a plan that keeps less (compact plan shows where the bytes are)',
      );
    }
    const needed = this.#blocks.highWater;
    if (needed > this.#reserved) {
      try {
        this.#grow(needed);
      } catch (error) {
        this.#blocks.free(address, bytes);
        throw error;
      }
      this.#reserved = needed;
    }
    return address;
  }
}

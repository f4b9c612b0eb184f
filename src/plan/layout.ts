import { aligned, FreeList, type LedgerEvent, type StaticLayout } from '../engine/index.js';

/** One allocation of a program: from event `birth` up to (not including) event `death`. */
interface Lifetime {
  readonly index: number;
  readonly bytes: number;
  readonly birth: number;
  death: number;
}

/** The static layout of a program, with the lower bound no layout can beat. */
export interface PackedLayout extends StaticLayout {
  /** Largest sum of (aligned) live bytes at any time. */
  readonly lowerBound: number;
}

/**
 * Fixed addresses for all allocations of a program, from the lifetimes that a dry run recorded (offline dynamic storage
 * allocation, the planning problem of MEMO, arXiv 2407.12117).
 *
 * Greedy by size: each block goes to the lowest offset that is free during its whole life. Two orders are tried, and the
 * tighter result taken.
 */
export function packLayout(events: readonly LedgerEvent[]): PackedLayout {
  const lifetimes = lifetimesOf(events);
  const bySize = lifetimes.toSorted((a, b) => b.bytes - a.bytes || a.birth - b.birth);
  const byArea = lifetimes.toSorted((a, b) => b.bytes * (b.death - b.birth) - a.bytes * (a.death - a.birth));
  const packed = [bySize, byArea].map(pack);
  const [best] = packed.sort((a, b) => a.bytes - b.bytes);
  return {
    offsets: lifetimes.map(({ index }) => best.offsets.get(index) ?? 0),
    sizes: events.flatMap((event) => (event.kind === 'allocate' ? [event.bytes] : [])),
    bytes: best.bytes,
    lowerBound: lowerBound(lifetimes, events.length),
  };
}

/** Bytes a best-fit allocator needs for the same events: what a program without a layout takes. */
export function bestFitBytes(events: readonly LedgerEvent[]): number {
  const list = new FreeList(0, Number.MAX_SAFE_INTEGER);
  const placed = new Map<number, { address: number; bytes: number }>();
  for (const event of events) {
    if (event.kind === 'allocate') {
      placed.set(event.id, { address: list.allocate(event.bytes) ?? 0, bytes: event.bytes });
    } else if (event.kind === 'free') {
      const block = placed.get(event.id);
      if (block) list.free(block.address, block.bytes);
    }
  }
  return list.highWater;
}

function lifetimesOf(events: readonly LedgerEvent[]): readonly Lifetime[] {
  const open = new Map<number, Lifetime>();
  const lifetimes: Lifetime[] = [];
  for (const [time, event] of events.entries()) {
    if (event.kind === 'allocate') {
      const bytes = aligned(event.bytes);
      const lifetime = { index: lifetimes.length, bytes, birth: time, death: events.length };
      open.set(event.id, lifetime);
      lifetimes.push(lifetime);
    } else if (event.kind === 'free') {
      const lifetime = open.get(event.id);
      if (lifetime) lifetime.death = time;
    }
  }
  return lifetimes;
}

function pack(order: readonly Lifetime[]): { offsets: ReadonlyMap<number, number>; bytes: number } {
  const placed: { lifetime: Lifetime; offset: number }[] = [];
  const offsets = new Map<number, number>();
  let bytes = 0;
  for (const lifetime of order) {
    let offset = 0;
    // `placed` is in order of offset, so one walk finds the lowest gap among the blocks alive at the same time.
    for (const other of placed) {
      const together = other.lifetime.birth < lifetime.death && lifetime.birth < other.lifetime.death;
      if (!together) continue;
      if (offset + lifetime.bytes <= other.offset) break;
      offset = Math.max(offset, other.offset + other.lifetime.bytes);
    }
    const position = placed.findIndex((other) => other.offset > offset);
    placed.splice(position < 0 ? placed.length : position, 0, { lifetime, offset });
    offsets.set(lifetime.index, offset);
    bytes = Math.max(bytes, offset + lifetime.bytes);
  }
  return { offsets, bytes };
}

function lowerBound(lifetimes: readonly Lifetime[], times: number): number {
  const change = new Float64Array(times + 1);
  for (const { bytes, birth, death } of lifetimes) {
    change[birth] += bytes;
    change[death] -= bytes;
  }
  let live = 0;
  let most = 0;
  for (const delta of change) {
    live += delta;
    most = Math.max(most, live);
  }
  return most;
}

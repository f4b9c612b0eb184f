import { aligned, FreeList, type LedgerEvent, type StaticLayout } from '../engine/index.js';
import { Placements } from './placements.js';

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
 * Greedy: each block goes to the lowest offset that is free during its whole life. No order of blocks is best for every
 * program, so several are tried until one comes near the lower bound, and the tightest result is taken.
 */
export function packLayout(events: readonly LedgerEvent[]): PackedLayout {
  const lifetimes = lifetimesOf(events);
  const peak = findPeak(lifetimes, events.length);
  let best: Packing = { offsets: new Map(), bytes: lifetimes.length > 0 ? Number.POSITIVE_INFINITY : 0 };
  for (const order of ordersAround(peak.time)) {
    const packing = pack(lifetimes.toSorted(order), events.length);
    if (packing.bytes < best.bytes) best = packing;
    if (best.bytes <= nearEnough * peak.bytes) break;
  }
  return {
    offsets: lifetimes.map(({ index }) => best.offsets.get(index) ?? 0),
    sizes: events.flatMap((event) => (event.kind === 'allocate' ? [event.bytes] : [])),
    bytes: best.bytes,
    lowerBound: peak.bytes,
  };
}

/** A stretch of a program that comes `times` times more: what is allocated from event `from` up to `to`, and freed by then. */
export interface Repetition {
  readonly from: number;
  readonly to: number;
  readonly times: number;
}

/** The layout of the longer program: each repetition has the addresses of the stretch, since what lives besides is the same. */
export function repeatLayout(
  layout: PackedLayout,
  events: readonly LedgerEvent[],
  { from, to, times }: Repetition,
): PackedLayout {
  if (times === 0) return layout;
  const allocations = (end: number) => events.slice(0, end).filter(({ kind }) => kind === 'allocate').length;
  const [first, last] = [allocations(from), allocations(to)];
  const repeat = (numbers: readonly number[]) => [
    ...numbers.slice(0, last),
    ...Array.from({ length: times }, () => numbers.slice(first, last)).flat(),
    ...numbers.slice(last),
  ];
  return { ...layout, offsets: repeat(layout.offsets), sizes: repeat(layout.sizes) };
}

/** As a multiple of the lower bound. */
const nearEnough = 1.002;

type Order = (a: Lifetime, b: Lifetime) => number;

/** Which blocks to place first: large ones, those live at the peak, those that live long. */
function ordersAround(peak: number): readonly Order[] {
  const atPeak = ({ birth, death }: Lifetime) => (birth <= peak && peak < death ? 1 : 0);
  const length = ({ birth, death }: Lifetime) => death - birth;
  const magnitude = ({ bytes }: Lifetime) => Math.floor(Math.log2(bytes));
  const bySize: Order = (a, b) => b.bytes - a.bytes || a.birth - b.birth;
  return [
    bySize,
    (a, b) => atPeak(b) - atPeak(a) || bySize(a, b),
    (a, b) => magnitude(b) - magnitude(a) || length(b) - length(a),
    (a, b) => magnitude(b) - magnitude(a) || a.birth - b.birth,
    (a, b) => atPeak(b) - atPeak(a) || length(b) - length(a),
    (a, b) => b.bytes * length(b) - a.bytes * length(a),
  ];
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

interface Packing {
  /** By index of the lifetime. */
  readonly offsets: ReadonlyMap<number, number>;
  readonly bytes: number;
}

function pack(order: readonly Lifetime[], times: number): Packing {
  const placements = new Placements(times);
  const offsets = new Map<number, number>();
  let bytes = 0;
  for (const lifetime of order) {
    const offset = placements.lowestGap(lifetime, lifetime.bytes);
    placements.add(lifetime, offset, lifetime.bytes);
    offsets.set(lifetime.index, offset);
    bytes = Math.max(bytes, offset + lifetime.bytes);
  }
  return { offsets, bytes };
}

/** When most is live, and how much. */
function findPeak(lifetimes: readonly Lifetime[], times: number): { readonly time: number; readonly bytes: number } {
  const change = new Float64Array(times + 1);
  for (const { bytes, birth, death } of lifetimes) {
    change[birth] += bytes;
    change[death] -= bytes;
  }
  let live = 0;
  let peak = { time: 0, bytes: 0 };
  for (const [time, delta] of change.entries()) {
    live += delta;
    if (live > peak.bytes) peak = { time, bytes: live };
  }
  return peak;
}

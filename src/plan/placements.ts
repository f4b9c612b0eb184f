/** From event `birth` up to (not including) event `death`. */
interface Interval {
  readonly birth: number;
  readonly death: number;
}

interface Placement extends Interval {
  readonly offset: number;
  readonly end: number;
}

/** A stretch of time with what is placed there; in order of offset unless something came since it was last looked at. */
interface Window {
  readonly placements: Placement[];
  inOrder: boolean;
}

/** Windows of one length, each beginning at the middle of the one before. */
interface Level {
  readonly half: number;
  readonly windows: readonly Window[];
}

/** Events of half a shortest window. */
const shortest = 64;

/**
 * Blocks that have their address, found by time: what is alive within some interval is looked for in the shortest window that
 * holds the interval, among little else. So a program of many micro-batches takes as many times longer as it is longer.
 */
export class Placements {
  readonly #levels: readonly Level[];

  /** @param times events of the program */
  constructor(times: number) {
    const levels: Level[] = [];
    for (let half = shortest; ; half *= 2) {
      const windows = Array.from({ length: Math.ceil(times / half) + 1 }, () => ({ placements: [], inOrder: true }));
      levels.push({ half, windows });
      if (half >= times) break;
    }
    this.#levels = levels;
  }

  /** The lowest offset at which so many bytes are free during the whole interval. */
  lowestGap({ birth, death }: Interval, bytes: number): number {
    const level = Math.max(0, Math.ceil(Math.log2((death - birth) / shortest)));
    const { half, windows } = this.#levels[level];
    let offset = 0;
    for (const other of inOrder(windows[Math.floor(birth / half)])) {
      if (other.birth >= death || birth >= other.death) continue;
      if (offset + bytes <= other.offset) break;
      offset = Math.max(offset, other.end);
    }
    return offset;
  }

  add({ birth, death }: Interval, offset: number, bytes: number): void {
    const placement = { birth, death, offset, end: offset + bytes };
    for (const { half, windows } of this.#levels) {
      const last = Math.floor((death - 1) / half);
      for (let index = Math.max(Math.floor(birth / half) - 1, 0); index <= last; index++) {
        windows[index].placements.push(placement);
        windows[index].inOrder = false;
      }
    }
  }
}

/** Little has come since the last time: merging it takes no longer than the walk that follows. */
function inOrder(window: Window): readonly Placement[] {
  if (!window.inOrder) window.placements.sort((a, b) => a.offset - b.offset);
  window.inOrder = true;
  return window.placements;
}

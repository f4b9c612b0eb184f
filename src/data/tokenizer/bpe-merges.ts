import { Heap } from './heap.js';

/** Pairs of ids as one number; ids are below 2^26, so it stays exact. */
const pairKey = (left: number, right: number): number => left * 2 ** 26 + right;

/** The merges of a byte-pair encoding, by rank: the lower the rank, the earlier a pair is joined. */
export class BpeMerges {
  private readonly ranks = new Map<number, { readonly rank: number; readonly merged: number }>();

  /** @param merges left id, right id and the id of both joined, best first */
  constructor(merges: Iterable<readonly [left: number, right: number, merged: number]>) {
    let rank = 0;
    for (const [left, right, merged] of merges) this.ranks.set(pairKey(left, right), { rank: rank++, merged });
  }

  /**
   * Joins pairs until none is left that can be joined: always the pair of lowest rank, the leftmost of several.
   * Takes O(n log n), since a "word" may be a whole line of a language that writes no spaces.
   *
   * @returns ids of the joined symbols; `symbols` is overwritten
   */
  apply(symbols: number[]): number[] {
    const length = symbols.length;
    if (length < 2) return symbols;
    const next = Int32Array.from({ length }, (_, i) => (i + 1 < length ? i + 1 : -1));
    const previous = Int32Array.from({ length }, (_, i) => i - 1);
    // An entry is rank · 2^32 + position: numbers in the order in which pairs are to be joined.
    const queue = new Heap<number>((a, b) => a < b);
    const offer = (at: number) => {
      const merge = at >= 0 && next[at] >= 0 ? this.ranks.get(pairKey(symbols[at], symbols[next[at]])) : undefined;
      if (merge !== undefined) queue.push(merge.rank * 2 ** 32 + at);
    };
    for (let at = 0; at + 1 < length; at++) offer(at);
    for (let entry = queue.pop(); entry !== undefined; entry = queue.pop()) {
      const rank = Math.floor(entry / 2 ** 32);
      const at = entry - rank * 2 ** 32;
      const right = next[at];
      if (symbols[at] < 0 || right < 0) continue;
      const merge = this.ranks.get(pairKey(symbols[at], symbols[right]));
      // The pair that was queued here may have been taken apart by a better one.
      if (merge === undefined || merge.rank !== rank) continue;
      symbols[at] = merge.merged;
      symbols[right] = -1;
      next[at] = next[right];
      if (next[right] >= 0) previous[next[right]] = at;
      offer(previous[at]);
      offer(at);
    }
    return symbols.filter((symbol) => symbol >= 0);
  }
}

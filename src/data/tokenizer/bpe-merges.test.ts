import { expect, it } from 'vitest';
import { threefry } from '../../engine/threefry.js';
import { BpeMerges } from './bpe-merges.js';
import { Heap } from './heap.js';

it('a heap gives all elements in order', () => {
  const heap = new Heap<number>((a, b) => a < b);
  const numbers = Array.from({ length: 300 }, (_, i) => threefry([1, 2], i, 0)[0] % 50);
  for (const number of numbers) heap.push(number);
  const out = [];
  while (heap.size > 0) out.push(heap.pop());
  expect(out).toEqual([...numbers].sort((a, b) => a - b));
  expect(heap.pop()).toBeUndefined();
});

/** The definition: look at all pairs, join the best, the leftmost of several, begin again. */
function naive(symbols: readonly number[], merges: readonly (readonly [number, number, number])[]): number[] {
  const result = [...symbols];
  for (;;) {
    const ranks = result.map((id, at) => merges.findIndex(([a, b]) => a === id && b === result[at + 1]));
    const best = Math.min(...ranks.filter((rank) => rank >= 0));
    if (!Number.isFinite(best)) return result;
    result.splice(ranks.indexOf(best), 2, merges[best][2]);
  }
}

it('merges as the definition says, on random tables and words', () => {
  for (let round = 0; round < 200; round++) {
    const random = (counter: number, below: number) => threefry([round, 7], counter, 1)[0] % below;
    const merges: [number, number, number][] = [];
    for (let m = 0; m < 12; m++) {
      const pair = [random(2 * m, 3 + m), random(2 * m + 1, 3 + m)] as const;
      if (!merges.some(([a, b]) => a === pair[0] && b === pair[1])) merges.push([...pair, 3 + m]);
    }
    const word = Array.from({ length: random(99, 40) }, (_, i) => random(100 + i, 3));
    expect(new BpeMerges(merges).apply([...word])).toEqual(naive(word, merges));
  }
});

import { describe, expect, it } from 'vitest';
import { makePlan } from '../recipes.js';
import type { BlockPattern } from './block-patterns.js';
import { heldBytes, makeLadder, planOf } from './ladder.js';

const pattern = (name: string, bytes: number): BlockPattern => ({
  bytes,
  seconds: 100 - bytes,
  rules: (first, last) => [{ match: `${first}-${last}.${name}`, form: 'replay' }],
});
const patterns = [pattern('a', 30), pattern('b', 20), pattern('c', 5)];
const base = { ...makePlan(['lean'], { layers: 3 }), slots: [] };

describe('the ladder', () => {
  const ladder = makeLadder(patterns, 3);

  it('changes one block from rung to rung, early blocks first', () => {
    const rungs = ladder.filter(({ every }) => every === 1);
    expect(rungs.map(({ blocks }) => blocks.map(({ bytes }) => bytes))).toEqual([
      [30, 30, 30],
      [20, 30, 30],
      [20, 20, 30],
      [20, 20, 20],
      [5, 20, 20],
      [5, 5, 20],
      [5, 5, 5],
    ]);
    expect(rungs.map(heldBytes)).toEqual([90, 80, 70, 60, 45, 30, 15]);
  });

  it('drops block inputs at its end', () => {
    expect(ladder.slice(7).map(({ every }) => every)).toEqual([2, 3]);
    expect(planOf(base, ladder[7]).slots.at(-1)).toEqual({
      match: 'layers.1.input_layernorm.*',
      form: 'replay-gemm',
    });
  });

  it('leaves out longer ways between as many inputs', () => {
    expect(makeLadder([patterns[0]], 8).map(({ every }) => every)).toEqual([1, 2, 3, 4, 8]);
  });

  it('is written with one rule for blocks beside each other', () => {
    expect(planOf(base, ladder[4]).slots.map(({ match }) => match)).toEqual(['0-0.c', '1-2.b']);
    expect(planOf(base, ladder[3]).slots.map(({ match }) => match)).toEqual(['0-2.b']);
  });

  it('is a single rung where there is one way and one block', () => {
    expect(makeLadder([patterns[0]], 1)).toHaveLength(1);
  });
});

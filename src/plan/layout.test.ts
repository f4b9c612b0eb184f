import { describe, expect, it } from 'vitest';
import { aligned, deriveKey, type LedgerEvent, threefry } from '../engine/index.js';
import { presets } from '../models/index.js';
import { bestFitBytes, packLayout } from './layout.js';
import { predict } from './predict.js';
import { makePlan } from './recipes.js';

interface Block {
  readonly bytes: number;
  readonly birth: number;
  readonly death: number;
}

/** A random program: allocations of many sizes, freed in random order or never, renamed now and then. */
function randomProgram(seed: number, length: number): LedgerEvent[] {
  const key = deriveKey(seed, 'sampling', 0, 0);
  let counter = 0;
  const below = (limit: number) => threefry(key, counter++, 0)[0] % limit;
  const events: LedgerEvent[] = [];
  const live: number[] = [];
  for (let id = 0; events.length < length; ) {
    const kind = below(10);
    if (kind < 5 || live.length === 0) {
      events.push({ kind: 'allocate', id, bytes: 1 + below(4 ** (1 + below(8))), role: 'activation', name: `${id}` });
      live.push(id++);
    } else if (kind < 9) {
      events.push({ kind: 'free', id: live.splice(below(live.length), 1)[0] });
    } else {
      events.push({ kind: 'relabel', id: live[below(live.length)], role: 'saved', name: 'renamed' });
    }
  }
  return events;
}

/** Lifetimes of the allocations, in order. */
function blocksOf(events: readonly LedgerEvent[]): Block[] {
  return events.flatMap((event, birth) => {
    if (event.kind !== 'allocate') return [];
    const death = events.findIndex(({ kind, id }) => kind === 'free' && id === event.id);
    return [{ bytes: event.bytes, birth, death: death < 0 ? events.length : death }];
  });
}

function mostLive(events: readonly LedgerEvent[]): number {
  let live = 0;
  let most = 0;
  const sizes = new Map<number, number>();
  for (const event of events) {
    if (event.kind === 'allocate') {
      sizes.set(event.id, aligned(event.bytes));
      live += aligned(event.bytes);
    } else if (event.kind === 'free') live -= sizes.get(event.id) ?? 0;
    most = Math.max(most, live);
  }
  return most;
}

const programs = Array.from({ length: 60 }, (_, seed) => randomProgram(seed, 5 + ((seed * 37) % 300)));

describe('the layout of a program', () => {
  it('never gives two blocks the same address at the same time', () => {
    for (const [seed, events] of programs.entries()) {
      const { offsets, bytes } = packLayout(events);
      const blocks = blocksOf(events);
      expect(offsets).toHaveLength(blocks.length);
      for (const [i, a] of blocks.entries()) {
        expect(offsets[i] % 256, 'alignment').toBe(0);
        expect(offsets[i] + aligned(a.bytes)).toBeLessThanOrEqual(bytes);
        for (let j = 0; j < i; j++) {
          const b = blocks[j];
          const together = a.birth < b.death && b.birth < a.death;
          const apart = offsets[i] + a.bytes <= offsets[j] || offsets[j] + b.bytes <= offsets[i];
          if (together && !apart) expect.fail(`program ${seed}: blocks ${j} and ${i} overlap`);
        }
      }
    }
  });

  it('knows the lower bound, and is never below it', () => {
    for (const events of programs) {
      const { bytes, lowerBound } = packLayout(events);
      expect(lowerBound).toBe(mostLive(events));
      expect(bytes).toBeGreaterThanOrEqual(lowerBound);
    }
  });

  it('names the sizes that were asked for, in order', () => {
    for (const events of programs) {
      expect(packLayout(events).sizes).toEqual(blocksOf(events).map(({ bytes }) => bytes));
    }
  });

  it('is the same for the same program', () => {
    for (const events of programs) expect(packLayout([...events])).toEqual(packLayout(events));
  });

  it('takes less than best-fit on the whole, though not always', () => {
    const planned = programs.reduce((sum, events) => sum + packLayout(events).bytes, 0);
    const unplanned = programs.reduce((sum, events) => sum + bestFitBytes(events), 0);
    expect(planned).toBeLessThan(unplanned);
  });

  it('finds the gap that two blocks leave for one (which best-fit by time does not)', () => {
    const allocate = (id: number, bytes: number): LedgerEvent => ({
      kind: 'allocate',
      id,
      bytes,
      role: 'data',
      name: '',
    });
    const free = (id: number): LedgerEvent => ({ kind: 'free', id });
    const events = [allocate(0, 512), allocate(1, 256), free(0), allocate(2, 768), free(1), free(2)];
    expect(bestFitBytes(events)).toBe(1536);
    expect(packLayout(events)).toMatchObject({ bytes: 1024, lowerBound: 1024 });
  });

  it('of nothing is nothing', () => {
    expect(packLayout([])).toEqual({ offsets: [], sizes: [], bytes: 0, lowerBound: 0 });
  });
});

describe.each(Object.keys(presets).filter((name) => name.startsWith('llama')))(
  'the layout of a step of %s',
  (preset) => {
    it.each([
      ['full', 1],
      ['lean', 1],
      ['lean', 3],
      ['compact', 1],
      ['compact', 3],
      ['checkpoint', 1],
      ['full,compact', 1],
      ['checkpoint,compact', 1],
      ['lean,fused-update', 1],
    ])('is near the lower bound under %s with %d micro-batches', async (names, accumulate) => {
      const config = presets[preset as keyof typeof presets];
      const { layout, regionBytes } = await predict({
        config,
        plan: makePlan(names.split(','), { layers: config.numHiddenLayers }),
        batch: 4,
        sequenceLength: 256,
        accumulate,
        threads: 2,
        optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, epsilonForm: 'standard', weightDecay: 0 },
        seed: 0,
      });
      expect(layout.bytes / layout.lowerBound).toBeLessThan(1.02);
      expect(regionBytes).toBe(layout.bytes);
    });
  },
);

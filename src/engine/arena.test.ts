import { describe, expect, it } from 'vitest';
import { Arena, aligned, arenaAlignment, FreeList, LayoutError } from './arena.js';
import { OutOfMemoryError } from './errors.js';

const unit = arenaAlignment;

/** Small deterministic generator for fuzzing. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) % below;
  };
}

/** Which block owns each unit of an address space: finds overlaps the allocator should not make. */
class ShadowMap {
  readonly #owners = new Map<number, number>();

  claim(id: number, address: number, bytes: number): void {
    expect(address % unit).toBe(0);
    for (let at = address; at < address + aligned(bytes); at += unit) {
      expect(this.#owners.get(at), `address ${at} is taken`).toBeUndefined();
      this.#owners.set(at, id);
    }
  }

  release(address: number, bytes: number): void {
    for (let at = address; at < address + aligned(bytes); at += unit) this.#owners.delete(at);
  }
}

describe('aligned', () => {
  it('rounds up to whole cache lines and never to nothing', () => {
    expect([0, 1, unit, unit + 1].map(aligned)).toEqual([unit, unit, unit, 2 * unit]);
  });
});

describe('FreeList', () => {
  it('takes the smallest hole that fits', () => {
    const list = new FreeList(0, 100 * unit);
    const [a, , b, , c] = [10, 1, 3, 1, 5, 1].map((units) => ({ address: list.allocate(units * unit) ?? -1, units }));
    for (const { address, units } of [a, b, c]) list.free(address, units * unit);
    expect(list.allocate(4 * unit)).toBe(c.address);
    expect(list.allocate(3 * unit)).toBe(b.address);
    expect(list.allocate(4 * unit)).toBe(a.address);
  });

  it('joins a freed block with the holes on both sides', () => {
    const list = new FreeList(0, 9 * unit);
    const [a, b, c] = [0, 1, 2].map(() => list.allocate(3 * unit) ?? -1);
    list.free(a, 3 * unit);
    list.free(c, 3 * unit);
    expect(list.allocate(9 * unit)).toBeUndefined();
    list.free(b, 3 * unit);
    expect(list.allocate(9 * unit)).toBe(0);
  });

  it('remembers the most that was ever in use', () => {
    const list = new FreeList(4 * unit, 100 * unit);
    const first = list.allocate(5 * unit) ?? -1;
    list.free(first, 5 * unit);
    list.allocate(unit);
    expect(list.highWater).toBe(5 * unit);
  });

  it.each([1, 2, 3])('never overlaps blocks and finds all memory again (fuzz %i)', (seed) => {
    const random = numbers(seed);
    const [start, bytes] = [7 * unit, 400 * unit];
    const list = new FreeList(start, bytes);
    const shadow = new ShadowMap();
    const live: { id: number; address: number; bytes: number }[] = [];
    for (let id = 0; id < 3000; id++) {
      if (random(100) < 55) {
        const size = random(20 * unit) + 1;
        const address = list.allocate(size);
        if (address === undefined) continue;
        expect(address >= start && address + aligned(size) <= start + bytes).toBe(true);
        shadow.claim(id, address, size);
        live.push({ id, address, bytes: size });
      } else if (live.length > 0) {
        for (const block of live.splice(random(live.length), 1)) {
          shadow.release(block.address, block.bytes);
          list.free(block.address, block.bytes);
        }
      }
    }
    for (const block of live) list.free(block.address, block.bytes);
    expect(list.allocate(bytes)).toBe(start);
  });
});

describe('Arena', () => {
  it('grows before it hands out addresses beyond all earlier ones', () => {
    const grown: number[] = [];
    const arena = new Arena(100 * unit, (bytes) => grown.push(bytes));
    const a = arena.allocate(10 * unit);
    arena.free(a, 10 * unit);
    arena.allocate(4 * unit);
    arena.allocate(8 * unit);
    expect(grown).toEqual([10 * unit, 12 * unit]);
    expect(arena.reserved).toBe(12 * unit);
  });

  it('says what does not fit when it is full', () => {
    const arena = new Arena(4 * unit);
    arena.allocate(3 * unit);
    expect(() => arena.allocate(2 * unit)).toThrow(OutOfMemoryError);
    expect(() => arena.allocate(2 * unit)).toThrow(
      `the arena is full: ${2 * unit} bytes more do not fit into ${4 * unit}`,
    );
  });

  it('reserves nothing when growing fails', () => {
    const arena = new Arena(100 * unit, () => {
      throw new OutOfMemoryError('no memory');
    });
    expect(() => arena.allocate(unit)).toThrow('no memory');
    expect(arena.reserved).toBe(0);
  });
});

describe('a region', () => {
  function arenaWithRegion(units: number) {
    const arena = new Arena(1000 * unit);
    const before = arena.allocate(3 * unit);
    arena.setRegion(units * unit);
    return { arena, before, start: 3 * unit };
  }

  it('puts the allocations of a program at the planned addresses', async () => {
    const { arena, start } = arenaWithRegion(20);
    const layout = { offsets: [0, 5 * unit, 0], sizes: [5 * unit, unit, 100], bytes: 6 * unit };
    await arena.inRegion(layout, async () => {
      const a = arena.allocate(5 * unit);
      const b = arena.allocate(unit);
      arena.free(a, 5 * unit);
      const c = arena.allocate(100);
      expect([a, b, c]).toEqual([start, start + 5 * unit, start]);
      for (const [address, bytes] of [
        [b, unit],
        [c, 100],
      ]) {
        arena.free(address, bytes);
      }
    });
  });

  it('refuses an allocation that the layout does not foresee', async () => {
    const { arena } = arenaWithRegion(20);
    const layout = { offsets: [0], sizes: [unit], bytes: unit };
    const wrongSize = arena.inRegion(layout, async () => arena.allocate(2 * unit));
    await expect(wrongSize).rejects.toThrow(
      `allocation 0 of the program: planned ${unit} bytes, asked for ${2 * unit}`,
    );
    const oneTooMany = arena.inRegion(layout, async () => [arena.allocate(unit), arena.allocate(unit)]);
    await expect(oneTooMany).rejects.toThrow(LayoutError);
  });

  it('refuses layouts larger than itself, nested programs and a second region', async () => {
    const { arena } = arenaWithRegion(2);
    const layout = { offsets: [0], sizes: [3 * unit], bytes: 3 * unit };
    await expect(arena.inRegion(layout, async () => {})).rejects.toThrow(LayoutError);
    await expect(arena.inRegion(undefined, () => arena.inRegion(undefined, async () => {}))).rejects.toThrow(
      'programs cannot be nested',
    );
    expect(() => arena.setRegion(unit)).toThrow(LayoutError);
  });

  it('is usable again after a program has failed', async () => {
    const { arena, start } = arenaWithRegion(2);
    await expect(
      arena.inRegion(undefined, async () => {
        throw new Error('a kernel failed');
      }),
    ).rejects.toThrow('a kernel failed');
    await arena.inRegion(undefined, async () => expect(arena.allocate(unit)).toBe(start));
  });

  it('serves programs without a layout best-fit, and outside of itself when it is full', async () => {
    const { arena, start } = arenaWithRegion(4);
    await arena.inRegion(undefined, async () => {
      const inside = arena.allocate(3 * unit);
      const spilled = arena.allocate(2 * unit);
      const fits = arena.allocate(unit);
      expect(inside).toBe(start);
      expect(fits).toBe(start + 3 * unit);
      expect(spilled).toBe(start + 4 * unit);
      arena.free(inside, 3 * unit);
      expect(arena.allocate(2 * unit)).toBe(start);
      arena.free(spilled, 2 * unit);
    });
    expect(arena.allocate(2 * unit)).toBe(start + 4 * unit);
  });

  it('leaves blocks outside of itself alone', async () => {
    const { arena, before, start } = arenaWithRegion(4);
    await arena.inRegion({ offsets: [0], sizes: [unit], bytes: unit }, async () => {
      arena.free(before, 3 * unit);
      expect(arena.allocate(unit)).toBe(start);
    });
    expect(arena.allocate(3 * unit)).toBe(before);
  });

  it('does nothing where there is none', async () => {
    const arena = new Arena(10 * unit);
    expect(await arena.inRegion({ offsets: [], sizes: [], bytes: 0 }, async () => arena.allocate(unit))).toBe(0);
  });

  it.each([4, 5, 6])('never lets blocks of a program without a layout overlap others (fuzz %i)', async (seed) => {
    const random = numbers(seed);
    const arena = new Arena(10_000 * unit);
    const shadow = new ShadowMap();
    let id = 0;
    const allocate = (bytes: number) => {
      const address = arena.allocate(bytes);
      shadow.claim(id++, address, bytes);
      return { address, bytes };
    };
    const free = ({ address, bytes }: { address: number; bytes: number }) => {
      shadow.release(address, bytes);
      arena.free(address, bytes);
    };
    const lasting = Array.from({ length: 20 }, () => allocate(random(9 * unit) + 1));
    arena.setRegion(60 * unit);
    for (let program = 0; program < 20; program++) {
      await arena.inRegion(undefined, async () => {
        const live: { address: number; bytes: number }[] = [];
        for (let step = 0; step < 60; step++) {
          if (random(100) < 60) live.push(allocate(random(12 * unit) + 1));
          else if (live.length > 0) for (const block of live.splice(random(live.length), 1)) free(block);
        }
        for (const block of live) free(block);
      });
      for (const block of lasting.splice(random(lasting.length), 1)) free(block);
      lasting.push(allocate(random(9 * unit) + 1));
    }
  });
});

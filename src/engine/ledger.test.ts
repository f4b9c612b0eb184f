import { describe, expect, it } from 'vitest';
import { type BytesByRole, Ledger, type LedgerEvent } from './ledger.js';
import { type Role, roles, type Storage } from './tensor.js';

let nextId = 0;

function storage(bytes: number, role: Role, name: string = role): Storage {
  return { id: nextId++, bytes, role, name, references: 1, address: 0 };
}

const total = (bytes: BytesByRole) => roles.reduce((sum, role) => sum + bytes[role], 0);

describe('Ledger', () => {
  it('counts live bytes in total, by role and by name', () => {
    const ledger = new Ledger();
    const [a, b] = [storage(100, 'weight', 'embedding'), storage(40, 'saved', 'layers.0.input')];
    for (const each of [a, b, storage(60, 'saved', 'layers.1.input')]) ledger.allocate(each);
    expect(ledger.live).toBe(200);
    expect(ledger.read().liveByRole).toMatchObject({ weight: 100, saved: 100, gradient: 0 });
    ledger.free(b);
    expect(ledger.read().live).toBe(160);
    expect(ledger.liveByName()).toEqual([
      { name: 'embedding', bytes: 100 },
      { name: 'layers.1.input', bytes: 60 },
    ]);
  });

  it('divides its peak by role as it was at the peak, and knows the peak of each role', () => {
    const ledger = new Ledger();
    const early = storage(70, 'workspace');
    ledger.allocate(early);
    ledger.free(early);
    ledger.allocate(storage(50, 'activation'));
    ledger.allocate(storage(50, 'saved'));
    const reading = ledger.read();
    expect(reading.peak).toBe(100);
    expect(reading.byRole).toMatchObject({ activation: 50, saved: 50, workspace: 0 });
    expect(reading.peakByRole).toMatchObject({ activation: 50, saved: 50, workspace: 70 });
  });

  it('has parts that add up to the whole after any sequence of bookings', () => {
    const ledger = new Ledger();
    const live: Storage[] = [];
    let state = 12345;
    const random = (below: number) => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return (state >>> 8) % below;
    };
    // Blocks of the engine; the slower tier is booked beside them.
    const own = roles.filter((role) => role !== 'host');
    let peak = 0;
    for (let step = 0; step < 2000; step++) {
      const choice = random(10);
      if (choice < 5 || live.length === 0) {
        const block = storage(random(1000) + 1, own[random(own.length)], `name ${random(20)}`);
        ledger.allocate(block);
        live.push(block);
      } else if (choice < 7) {
        ledger.relabel(live[random(live.length)], own[random(own.length)], `name ${random(20)}`);
      } else if (choice < 9) {
        for (const block of live.splice(random(live.length), 1)) ledger.free(block);
      } else if (random(50) === 0) {
        ledger.resetPeak();
        peak = 0;
      }
      const alive = live.reduce((sum, { bytes }) => sum + bytes, 0);
      peak = Math.max(peak, alive);
      const reading = ledger.read();
      expect(reading.live).toBe(alive);
      expect(total(reading.liveByRole)).toBe(alive);
      expect(reading.peak).toBe(peak);
      expect(total(reading.byRole)).toBe(peak);
      for (const role of roles) expect(reading.peakByRole[role]).toBeGreaterThanOrEqual(reading.byRole[role]);
      expect(ledger.liveByName().reduce((sum, { bytes }) => sum + bytes, 0)).toBe(alive);
    }
    for (const block of live) ledger.free(block);
    expect(ledger.read().live).toBe(0);
    expect(ledger.liveByName()).toEqual([]);
  });

  it('moves bytes to another role without changing live bytes or the peak', () => {
    const ledger = new Ledger();
    const value = storage(64, 'activation', 'hidden');
    ledger.allocate(value);
    ledger.relabel(value, 'saved', 'layers.0.input');
    const reading = ledger.read();
    expect(reading).toMatchObject({ live: 64, peak: 64 });
    expect(reading.liveByRole).toMatchObject({ activation: 0, saved: 64 });
    expect(reading.peakByRole).toMatchObject({ activation: 64, saved: 64 });
    expect(ledger.liveByName()).toEqual([{ name: 'layers.0.input', bytes: 64 }]);
    ledger.free(value);
    expect(ledger.read().liveByRole.saved).toBe(0);
  });

  it('lets the peaks fall to what is live when a new phase starts', () => {
    const ledger = new Ledger();
    const big = storage(900, 'activation');
    ledger.allocate(storage(100, 'weight'));
    ledger.allocate(big);
    ledger.free(big);
    ledger.resetPeak();
    expect(ledger.read()).toMatchObject({ peak: 100, byRole: { weight: 100, activation: 0 } });
    expect(ledger.read().peakByRole).toMatchObject({ weight: 100, activation: 0 });
    ledger.allocate(storage(10, 'gradient'));
    expect(ledger.read()).toMatchObject({ peak: 110, byRole: { weight: 100, gradient: 10 } });
  });

  it('hands every change to its recorder until the recorder is taken off', () => {
    const ledger = new Ledger();
    const events: LedgerEvent[] = [];
    const block = storage(8, 'activation', 'x');
    ledger.allocate(storage(1, 'weight'));
    ledger.record((event) => events.push(event));
    ledger.allocate(block);
    ledger.relabel(block, 'saved', 'y');
    ledger.free(block);
    ledger.record(undefined);
    ledger.allocate(storage(2, 'weight'));
    const { id } = block;
    expect(events).toEqual([
      { kind: 'allocate', id, bytes: 8, role: 'activation', name: 'x' },
      { kind: 'relabel', id, role: 'saved', name: 'y' },
      { kind: 'free', id },
    ]);
  });

  it('gives readings that later bookings do not change', () => {
    const ledger = new Ledger();
    ledger.allocate(storage(5, 'data'));
    const before = ledger.read();
    ledger.allocate(storage(6, 'data'));
    expect(before).toMatchObject({ live: 5, liveByRole: { data: 5 }, byRole: { data: 5 } });
  });
});

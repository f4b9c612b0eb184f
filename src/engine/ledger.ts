import { type Role, roles, type Storage } from './tensor.js';

export type BytesByRole = { readonly [R in Role]: number };

/** One change of the live bytes, in order; what the planner turns into lifetimes and a layout. */
export type LedgerEvent =
  | {
      readonly kind: 'allocate';
      readonly id: number;
      readonly bytes: number;
      readonly role: Role;
      readonly name: string;
    }
  | { readonly kind: 'relabel'; readonly id: number; readonly role: Role; readonly name: string }
  | { readonly kind: 'free'; readonly id: number };

/** Reading of a ledger. All figures in bytes as asked for, without alignment. */
export interface LedgerReading {
  readonly live: number;
  readonly liveByRole: BytesByRole;
  /** High-water mark of the total since the last `resetPeak`. */
  readonly peak: number;
  /** How the total at the high-water mark divides by role; the parts add up to `peak`, the slower tier is no part of it. */
  readonly byRole: BytesByRole;
  /** Each role's own high-water mark; they need not occur together. */
  readonly peakByRole: BytesByRole;
}

/**
 * Exact account of an engine's memory: live and peak bytes, by role and by name. Every engine books through the same
 * ledger, so that a dry run and a real run can be compared to the byte.
 */
export class Ledger {
  #live = 0;
  #peak = 0;
  readonly #liveByRole = zeroes();
  #byRoleAtPeak = zeroes();
  #peakByRole = zeroes();
  /** By serial number. Names are looked at when they are asked for: a dry run makes too many for sums by name. */
  readonly #storages = new Map<number, Storage>();
  #recorder: ((event: LedgerEvent) => void) | undefined;

  get live(): number {
    return this.#live;
  }

  /** High-water mark of the total since the last `resetPeak`. */
  get peak(): number {
    return this.#peak;
  }

  /** Bytes on the slower tier. */
  get host(): number {
    return this.#liveByRole.host;
  }

  allocate(storage: Storage): void {
    this.#live += storage.bytes;
    this.#storages.set(storage.id, storage);
    this.#add(storage.role, storage.bytes);
    this.#recorder?.({
      kind: 'allocate',
      id: storage.id,
      bytes: storage.bytes,
      role: storage.role,
      name: storage.name,
    });
    if (this.#live > this.#peak) {
      this.#peak = this.#live;
      this.#byRoleAtPeak = { ...this.#liveByRole, host: 0 };
    }
  }

  free(storage: Storage): void {
    this.#live -= storage.bytes;
    this.#storages.delete(storage.id);
    this.#add(storage.role, -storage.bytes);
    this.#recorder?.({ kind: 'free', id: storage.id });
  }

  /** Books a storage under another role and name, for example when a value in flight becomes a saved one. */
  relabel(storage: Storage, role: Role, name: string): void {
    this.#add(storage.role, -storage.bytes);
    storage.role = role;
    storage.name = name;
    this.#add(role, storage.bytes);
    this.#recorder?.({ kind: 'relabel', id: storage.id, role, name });
  }

  /** Books bytes on the slower tier: the `host` column, which is no part of the totals. */
  moveOut(bytes: number): void {
    this.#liveByRole.host += bytes;
    this.#peakByRole.host = Math.max(this.#peakByRole.host, this.#liveByRole.host);
  }

  /** Takes bytes of the slower tier off the books. */
  moveIn(bytes: number): void {
    this.#liveByRole.host -= bytes;
  }

  /** Starts a new phase: high-water marks fall back to what is live now. */
  resetPeak(): void {
    this.#peak = this.#live;
    this.#byRoleAtPeak = { ...this.#liveByRole, host: 0 };
    this.#peakByRole = { ...this.#liveByRole };
  }

  read(): LedgerReading {
    return {
      live: this.#live,
      liveByRole: { ...this.#liveByRole },
      peak: this.#peak,
      byRole: { ...this.#byRoleAtPeak },
      peakByRole: { ...this.#peakByRole },
    };
  }

  /** Live bytes by name, largest first. */
  liveByName(): readonly { readonly name: string; readonly bytes: number }[] {
    const byName = new Map<string, number>();
    for (const { name, bytes } of this.#storages.values()) byName.set(name, (byName.get(name) ?? 0) + bytes);
    return [...byName].map(([name, bytes]) => ({ name, bytes })).sort((a, b) => b.bytes - a.bytes);
  }

  /** Hands every later event to `recorder`, until called with undefined. */
  record(recorder: ((event: LedgerEvent) => void) | undefined): void {
    this.#recorder = recorder;
  }

  #add(role: Role, bytes: number): void {
    this.#liveByRole[role] += bytes;
    if (this.#liveByRole[role] > this.#peakByRole[role]) this.#peakByRole[role] = this.#liveByRole[role];
  }
}

function zeroes(): { [R in Role]: number } {
  return Object.fromEntries(roles.map((role) => [role, 0])) as { [R in Role]: number };
}

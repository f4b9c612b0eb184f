import { readFileSync } from 'node:fs';
import { EngineUnavailableError } from '../errors.js';
import { addonPath, type Isa } from './addon.js';
import { requireAddon } from './native-engine.js';

/** Whether the system gives huge pages: to all, to who asks (as the arena does), or never. */
export type HugePageMode = 'always' | 'madvise' | 'never';

/** What `compact doctor` says of the native engine. */
export interface NativeStatus {
  readonly available: boolean;
  /** Why it is not available. */
  readonly reason?: string | undefined;
  readonly hint?: string | undefined;
  /** Best instruction set of this machine. */
  readonly isa?: Isa | undefined;
  readonly supported: readonly Isa[];
  readonly addonPath: string;
  readonly hugePages: HugePageMode | undefined;
}

/** State of the native engine on this machine; never throws. */
export function nativeStatus(): NativeStatus {
  const common = { addonPath, hugePages: hugePageMode() };
  try {
    const supported = requireAddon().tiers();
    return { available: true, isa: supported[0], supported, ...common };
  } catch (error) {
    const hint = error instanceof EngineUnavailableError ? error.hint : undefined;
    const reason = error instanceof Error ? error.message : String(error);
    return { available: false, reason, hint, supported: [], ...common };
  }
}

/** Mode of transparent huge pages; undefined where the system has none. */
export function hugePageMode(): HugePageMode | undefined {
  const text = readOptional('/sys/kernel/mm/transparent_hugepage/enabled');
  const chosen = /\[(always|madvise|never)\]/.exec(text)?.[1];
  return chosen === 'always' || chosen === 'madvise' || chosen === 'never' ? chosen : undefined;
}

/** Bytes of this process that lie in huge pages right now; undefined where the system does not say. */
export function hugePageBytes(): number | undefined {
  const kibibytes = /^AnonHugePages:\s+(\d+) kB/m.exec(readOptional('/proc/self/smaps_rollup'))?.[1];
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
}

function readOptional(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

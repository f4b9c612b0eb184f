import { readFileSync, writeFileSync } from 'node:fs';

/** Bytes the operating system counts for this process now. */
export function residentBytes(): number {
  return process.memoryUsage.rss();
}

/** Lets the high-water mark below start again from the current value, where the system allows it (Linux). */
export function resetResidentPeak(): void {
  try {
    writeFileSync('/proc/self/clear_refs', '5');
  } catch {
    // Elsewhere the mark covers the whole life of the process.
  }
}

/** The most bytes the process ever had in memory, since the last reset. */
export function residentPeak(): number {
  try {
    const found = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'));
    if (found) return Number(found[1]) * 1024;
  } catch {
    // No /proc: fall through.
  }
  return process.resourceUsage().maxRSS * 1024;
}

/** Bytes a new block may take before the system runs short: what is free, within the limit of a container. */
export function availableBytes(): number {
  return process.availableMemory();
}

import type { Isa } from './addon.js';
import { requireAddon } from './native-engine.js';

/** Arithmetic peak: what register-only loops reach now, on this machine, in 1e9 operations per second. */
export interface Peak {
  readonly isa: Isa;
  /** f32 fused multiply-adds. */
  readonly f32: number;
  /** bf16 products with f32 sums; undefined where the processor has no instruction for them. */
  readonly bf16: number | undefined;
}

/**
 * Measures the peak in a fraction of a second. Clocks move, so measure in the same run as what is compared with it.
 *
 * @param threads run at the same time, and add up: less than as many times one thread where they share a core
 * @throws EngineUnavailableError when the addon is missing
 */
export function measurePeak({ isa, threads = 1 }: { isa?: Isa | undefined; threads?: number } = {}): Peak {
  const addon = requireAddon();
  const chosen = isa ?? addon.tiers()[0];
  const [f32, bf16] = addon.peak(chosen, threads);
  return { isa: chosen, f32, bf16: bf16 > 0 ? bf16 : undefined };
}

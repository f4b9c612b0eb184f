import { z } from 'zod';
import type { DryRun } from '../dry-run.js';
import { kindOf, type OpWork, type Work } from './work.js';

const rate = z.strictObject({
  /** Seconds per operation of matrix products. */
  perFlop: z.number().nonnegative(),
  /** Seconds per tensor byte moved. */
  perByte: z.number().nonnegative(),
});

export const kernelRatesSchema = z.strictObject({
  /** What was measured: processor, instruction set, threads. */
  machine: z.string(),
  /** By op and storage, as `kindOf` names them. */
  rates: z.record(z.string(), rate),
  /** Bytes per second that the slower tier takes and gives; where nothing is said, `usualOffloadBandwidth`. */
  offloadBandwidth: z.number().positive().optional(),
});

export type KernelRate = z.infer<typeof rate>;

/** What the kernels of a machine take, so that a step that was only counted has a time. */
export type KernelRates = z.infer<typeof kernelRatesSchema>;

/** Of a solid-state disk that is nothing special. */
export const usualOffloadBandwidth = 5e8;

/**
 * Predicted time of a step in the mean of many: of its ops, and what of the transfers is not hidden behind them. What goes out
 * does so during forward, a third of the step, and comes back during backward.
 */
export function stepSeconds(
  { meanWork, movedBytes }: Pick<DryRun, 'meanWork' | 'movedBytes'>,
  rates: KernelRates,
): number {
  const ops = workSeconds(meanWork, rates);
  const transfer = movedBytes / (rates.offloadBandwidth ?? usualOffloadBandwidth);
  return ops + Math.max(0, transfer - ops / 3) + Math.max(0, transfer - (2 * ops) / 3);
}

/** Seconds that these ops take together; linear in their operations and bytes. */
export function workSeconds(work: Work, rates: KernelRates): number {
  return work.reduce((sum, entry) => sum + opSeconds(entry, rates), 0);
}

function opSeconds(entry: OpWork, rates: KernelRates): number {
  const { perFlop, perByte } = rateOf(entry, rates);
  return entry.flops * perFlop + entry.bytes * perByte;
}

/** The op's own rate; else that of its other storage, else of the op that is like it. */
function rateOf({ op, bf16, flops }: OpWork, { rates }: KernelRates): KernelRate {
  return rates[kindOf({ op, bf16 })] ?? rates[op] ?? rates[flops > 0 ? 'gemm' : 'add'] ?? { perFlop: 0, perByte: 0 };
}

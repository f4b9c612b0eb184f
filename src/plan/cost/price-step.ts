import { dryRun, type PredictionRequest } from '../dry-run.js';
import { type KernelRates, workSeconds } from './rates.js';

/** What a step takes. */
export interface PricedStep {
  /** High-water mark of the ledger, in bytes. */
  readonly peak: number;
  /** Predicted time of an optimizer step. */
  readonly seconds: number;
}

/**
 * Memory and time of an optimizer step. Of many micro-batches only two are run: from the second on, when all gradients are
 * there, each takes the same.
 */
export async function priceStep(request: PredictionRequest, rates: KernelRates): Promise<PricedStep> {
  const { accumulate } = request;
  const { memory, work } = await dryRun({ ...request, accumulate: Math.min(accumulate, 2) });
  const seconds = workSeconds(work, rates);
  if (accumulate <= 2) return { peak: memory.peak, seconds };
  const once = workSeconds((await dryRun({ ...request, accumulate: 1 })).work, rates);
  return { peak: memory.peak, seconds: seconds + (accumulate - 2) * (seconds - once) };
}

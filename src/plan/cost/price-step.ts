import { dryRun, type PredictionRequest } from '../dry-run.js';
import { type KernelRates, stepSeconds } from './rates.js';

/** What a step takes. */
export interface PricedStep {
  /** High-water mark of the ledger, in bytes. */
  readonly peak: number;
  /** Predicted time of an optimizer step. */
  readonly seconds: number;
}

/** Memory and time of an optimizer step. */
export async function priceStep(request: PredictionRequest, rates: KernelRates): Promise<PricedStep> {
  const run = await dryRun(request);
  return { peak: run.memory.peak, seconds: stepSeconds(run, rates) };
}

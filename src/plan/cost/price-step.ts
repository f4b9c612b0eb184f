import { type DrySteps, dryPauses, drySteps, type PredictionRequest } from '../dry-run.js';
import { type HostBatch, usualBatch } from '../host-batch.js';
import { type KernelRates, stepSeconds } from './rates.js';

/** What a step takes. */
export interface PricedStep {
  /** High-water mark of the ledger, in bytes. */
  readonly peak: number;
  /** Predicted time of an optimizer step. */
  readonly seconds: number;
}

/** Memory and time of an optimizer step. */
export function priceStep(request: PredictionRequest, rates: KernelRates): Promise<PricedStep> {
  return new Pricer(rates).price(request);
}

/** Prices many plans of one model; what does not depend on how slots are kept is looked at once. */
export class Pricer {
  readonly rates: KernelRates;
  readonly #batches = new Map<string, HostBatch>();
  readonly #pauses = new Map<string, Promise<number>>();

  constructor(rates: KernelRates) {
    this.rates = rates;
  }

  /** Memory and time of an optimizer step. */
  async price(request: PredictionRequest): Promise<PricedStep> {
    const steps = await this.steps(request);
    const pauses = await this.#pausesOf(request);
    return { peak: Math.max(steps.peak, steps.persistentBytes + pauses), seconds: stepSeconds(steps, this.rates) };
  }

  /** What the dry engine saw of the steps. */
  steps(request: PredictionRequest): Promise<DrySteps> {
    return drySteps({ ...request, largest: this.#batchOf(request) });
  }

  #pausesOf(request: PredictionRequest): Promise<number> {
    const { batch, sequenceLength, config, plan } = request;
    const { precision, sketches, adapters } = plan;
    const key = JSON.stringify([batch, sequenceLength, config, precision, sketches, adapters]);
    const pauses = this.#pauses.get(key) ?? dryPauses({ ...request, largest: this.#batchOf(request) });
    this.#pauses.set(key, pauses);
    return pauses;
  }

  #batchOf({ largest, config, batch, sequenceLength }: PredictionRequest): HostBatch {
    if (largest) return largest;
    const key = `${batch} ${sequenceLength}`;
    const made = this.#batches.get(key) ?? usualBatch(config, batch, sequenceLength);
    this.#batches.set(key, made);
    return made;
  }
}

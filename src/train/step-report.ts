import type { LedgerReading } from '../engine/index.js';

/** What a trainer tells after each optimizer step; the command line, the report and a user's script read the same stream. */
export interface StepReport {
  /** Completed steps, this one included. */
  readonly step: number;
  /** Steps of the whole run. */
  readonly steps: number;
  /** Mean loss over the step's predictions, natural log. */
  readonly loss: number;
  readonly learningRate: number;
  /** Tokens seen so far, filling included. */
  readonly tokens: number;
  /** Wall time of this step, without evaluation and saving. */
  readonly seconds: number;
  readonly memory: LedgerReading;
  /** Mean validation loss, on the steps after which it was measured. */
  readonly validationLoss?: number;
  /** Whether a checkpoint was written after this step. */
  readonly saved: boolean;
}

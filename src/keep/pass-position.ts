/** Which forward pass of a run this is. */
export interface PassPosition {
  /** Completed optimizer steps before it. */
  readonly step: number;
  /** Index of the micro-batch within its step. */
  readonly microBatch: number;
}

import type { Score, Trainer, TrainingData } from '../../train/index.js';

/** A task with its data, ready to be trained. */
export interface TaskRun {
  /** What is measured; the first is the one that the best weights are chosen by. */
  readonly metrics: readonly [string, ...string[]];
  /** Of the first metric. */
  readonly smallerIsBetter: boolean;
  readonly examples: { readonly train: number; readonly validation: number };
  /** Micro-batches in which each example comes once. */
  readonly batchesPerEpoch: number;
  readonly training: TrainingData;
  evaluate(trainer: Trainer): Promise<Omit<Score, 'step'>>;
  /** Writes what a model's directory needs beside configuration, weights and tokenizer. */
  describe(directory: string): Promise<void>;
}

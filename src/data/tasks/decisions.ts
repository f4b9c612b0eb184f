import type { Objective } from './task.js';

/** What a model decided about one text. */
export interface Decision {
  /** Class id, or the score of a regression. */
  readonly value: number;
  /** Probability of each class; empty for a regression. */
  readonly probabilities: readonly number[];
}

/** Decisions from scores [B, labels], row by row. */
export function decide(scores: Float32Array, labels: number, objective: Objective): readonly Decision[] {
  return Array.from({ length: scores.length / labels }, (_, row) => {
    const own = scores.subarray(row * labels, (row + 1) * labels);
    if (objective === 'regression') return { value: own[0], probabilities: [] };
    const probabilities = softmax(own);
    return { value: probabilities.indexOf(Math.max(...probabilities)), probabilities };
  });
}

/** The loss of a decision: −log of the true class's probability, or the squared error. */
export function lossOf({ value, probabilities }: Decision, truth: number): number {
  return probabilities.length === 0 ? (value - truth) ** 2 : -Math.log(probabilities[truth]);
}

function softmax(scores: Float32Array): readonly number[] {
  const largest = Math.max(...scores);
  const powers = Array.from(scores, (score) => Math.exp(score - largest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

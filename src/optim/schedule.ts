/** How the learning rate falls after warm-up. */
export const scheduleNames = ['cosine', 'linear', 'constant'] as const;
export type ScheduleName = (typeof scheduleNames)[number];

export interface Schedule {
  readonly name: ScheduleName;
  /** Peak learning rate. */
  readonly learningRate: number;
  /** Steps N of the whole run. */
  readonly steps: number;
  /** Steps of linear warm-up: step t has lr·(t+1)/warmup. */
  readonly warmup: number;
  /** The last step's learning rate as a fraction of the peak. */
  readonly minRatio: number;
}

/** Learning rate of step t = 0 … N−1; the minimum is reached exactly at step N−1. */
export function learningRateAt({ name, learningRate, steps, warmup, minRatio }: Schedule, t: number): number {
  if (t < warmup) return (learningRate * (t + 1)) / warmup;
  if (name === 'constant') return learningRate;
  const span = steps - 1 - warmup;
  const progress = span > 0 ? Math.min(1, (t - warmup) / span) : 1;
  const height = name === 'cosine' ? (1 + Math.cos(Math.PI * progress)) / 2 : 1 - progress;
  return learningRate * (minRatio + (1 - minRatio) * height);
}

import type { LossValue, RunSummary } from './summary.js';

export type Point = readonly [x: number, y: number];

/** Most points of a drawn line; more would only make the file larger. */
const mostPoints = 240;

/** Number of steps that the drawn training loss is averaged over. */
export function smoothingWindow(steps: number): number {
  return Math.max(1, Math.round(steps / 40));
}

/** Mean of each value and up to `window − 1` before it; values that are not numbers are left out of the means. */
export function trailingMeans(values: readonly LossValue[], window: number): readonly number[] {
  return values.map((_, index) => {
    const finite = values.slice(Math.max(0, index + 1 - window), index + 1).filter(isFiniteNumber);
    return finite.length === 0 ? Number.NaN : finite.reduce((sum, value) => sum + value, 0) / finite.length;
  });
}

export function isFiniteNumber(value: number | null | undefined): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

/** At most `mostPoints` points at even distances, the first and the last among them. */
export function thin(points: readonly Point[]): readonly Point[] {
  const last = points.length - 1;
  if (last < mostPoints) return points;
  return Array.from({ length: mostPoints }, (_, index) => points[Math.round((index * last) / (mostPoints - 1))]);
}

/** What a chart's horizontal axis shows. */
export type Progress = 'step' | 'seconds';

/** Smoothed training loss against steps or against seconds of training. */
export function trainingCurve(run: RunSummary, progress: Progress): readonly Point[] {
  const position = positions(run, progress);
  const means = trailingMeans(run.losses, smoothingWindow(run.losses.length));
  const first = run.firstStep ?? 1;
  return thin(means.map((loss, index): Point => [position(first + index), loss]).filter(([, y]) => Number.isFinite(y)));
}

/** Measured validation losses against steps or against seconds of training. */
export function validationPoints(run: RunSummary, progress: Progress): readonly Point[] {
  const position = positions(run, progress);
  return (run.validation ?? []).flatMap(({ step, loss }): Point[] =>
    isFiniteNumber(loss) ? [[position(step), loss]] : [],
  );
}

/** Seconds of training after each step, evaluation left out; at an even pace where the steps were not timed. */
function positions(run: RunSummary, progress: Progress): (step: number) => number {
  if (progress === 'step') return (step) => step;
  const { stepSeconds, firstStep = 1 } = run;
  if (!stepSeconds) {
    const perStep = run.steps > 0 ? run.seconds / run.steps : 0;
    return (step) => step * perStep;
  }
  const elapsed = [0];
  for (const seconds of stepSeconds) elapsed.push(elapsed[elapsed.length - 1] + seconds);
  return (step) => elapsed[Math.min(Math.max(step - firstStep + 1, 0), elapsed.length - 1)];
}

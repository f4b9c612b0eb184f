/** Median of some measurements, and how far the middle half of them spreads, as a fraction of it. */
export function medianAndSpread(values: readonly number[]): { readonly median: number; readonly spread: number } {
  const sorted = values.toSorted((a, b) => a - b);
  const median = quantile(sorted, 0.5);
  return { median, spread: (quantile(sorted, 0.75) - quantile(sorted, 0.25)) / median };
}

/** Linear between the two nearest values. */
function quantile(sorted: readonly number[], fraction: number): number {
  const position = (sorted.length - 1) * fraction;
  const below = Math.floor(position);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (position - below);
}

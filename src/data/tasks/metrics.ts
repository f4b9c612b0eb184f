/** What a task measures; `predictions` and `references` are class ids, or scores of a regression. */
export const metricFunctions = { accuracy, f1, matthews, pearson, spearman, mse } as const;

export type MetricName = keyof typeof metricFunctions;

/** Values of the named metrics. */
export type MetricValues = Readonly<Record<string, number>>;

type Numbers = ArrayLike<number>;

/** @throws RangeError if the two lists are of different length, or empty */
export function measure(names: readonly MetricName[], predictions: Numbers, references: Numbers): MetricValues {
  if (predictions.length !== references.length || predictions.length === 0) {
    throw new RangeError(`${predictions.length} predictions for ${references.length} references`);
  }
  return Object.fromEntries(names.map((name) => [name, metricFunctions[name](predictions, references)]));
}

/** Whether a smaller value is the better one. */
export function smallerIsBetter(name: MetricName): boolean {
  return name === 'mse';
}

/** Fraction of the predictions that are right. */
function accuracy(predictions: Numbers, references: Numbers): number {
  return mean(references.length, (i) => (predictions[i] === references[i] ? 1 : 0));
}

/** F1 of class 1: 2·TP / (2·TP + FP + FN); 0 where nothing is predicted or referred to as class 1. */
function f1(predictions: Numbers, references: Numbers): number {
  const truePositives = mean(references.length, (i) => (predictions[i] === 1 && references[i] === 1 ? 1 : 0));
  const positives = mean(references.length, (i) => (predictions[i] === 1 ? 1 : 0) + (references[i] === 1 ? 1 : 0));
  return positives === 0 ? 0 : (2 * truePositives) / positives;
}

/**
 * Matthews' correlation coefficient for any number of classes (Gorodkin 2004): (c·s − Σ p·t) / √((s² − Σ p²)(s² − Σ t²)),
 * with s examples, c right ones, and p, t the numbers of predictions and references of each class. 0 where one side is
 * constant.
 */
function matthews(predictions: Numbers, references: Numbers): number {
  const predicted = new Map<number, number>();
  const referred = new Map<number, number>();
  let right = 0;
  const all = references.length;
  for (let i = 0; i < all; i++) {
    predicted.set(predictions[i], (predicted.get(predictions[i]) ?? 0) + 1);
    referred.set(references[i], (referred.get(references[i]) ?? 0) + 1);
    if (predictions[i] === references[i]) right += 1;
  }
  let products = 0;
  for (const [label, count] of referred) products += count * (predicted.get(label) ?? 0);
  const spread = (counts: ReadonlyMap<number, number>) =>
    all ** 2 - [...counts.values()].reduce((sum, count) => sum + count ** 2, 0);
  const denominator = Math.sqrt(spread(predicted) * spread(referred));
  return denominator === 0 ? 0 : (right * all - products) / denominator;
}

/** Linear correlation; 0 where one side is constant. */
function pearson(predictions: Numbers, references: Numbers): number {
  const count = references.length;
  const meanX = mean(count, (i) => predictions[i]);
  const meanY = mean(count, (i) => references[i]);
  const covariance = mean(count, (i) => (predictions[i] - meanX) * (references[i] - meanY));
  const varianceX = mean(count, (i) => (predictions[i] - meanX) ** 2);
  const varianceY = mean(count, (i) => (references[i] - meanY) ** 2);
  const denominator = Math.sqrt(varianceX * varianceY);
  return denominator === 0 ? 0 : covariance / denominator;
}

/** Linear correlation of the ranks; equal values share the mean of their ranks. */
function spearman(predictions: Numbers, references: Numbers): number {
  return pearson(ranks(predictions), ranks(references));
}

/** Mean squared error. */
function mse(predictions: Numbers, references: Numbers): number {
  return mean(references.length, (i) => (predictions[i] - references[i]) ** 2);
}

function ranks(values: Numbers): Float64Array {
  const order = Array.from({ length: values.length }, (_, i) => i).sort((a, b) => values[a] - values[b]);
  const ranked = new Float64Array(values.length);
  for (let start = 0; start < order.length; ) {
    let end = start + 1;
    while (end < order.length && values[order[end]] === values[order[start]]) end++;
    for (let i = start; i < end; i++) ranked[order[i]] = (start + end - 1) / 2;
    start = end;
  }
  return ranked;
}

function mean(count: number, term: (index: number) => number): number {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += term(i);
  return sum / count;
}

import { describe, expect, it } from 'vitest';
import { measure } from './metrics.js';

describe('metrics against values worked out by hand', () => {
  it('accuracy and F1: 3 true positives, 1 false positive, 2 false negatives, 4 true negatives', () => {
    const references = [1, 1, 1, 1, 1, 0, 0, 0, 0, 0];
    const predictions = [1, 1, 1, 0, 0, 1, 0, 0, 0, 0];
    const { accuracy, f1, matthews } = measure(['accuracy', 'f1', 'matthews'], predictions, references);
    expect(accuracy).toBeCloseTo(7 / 10, 12);
    expect(f1).toBeCloseTo(6 / 9, 12);
    // (TP·TN − FP·FN) / √((TP+FP)(TP+FN)(TN+FP)(TN+FN)) = (12 − 2) / √(4·5·5·6)
    expect(matthews).toBeCloseTo(10 / Math.sqrt(600), 12);
  });

  it('Matthews for three classes', () => {
    // c = 4, s = 6; predicted counts 2, 2, 2; referred counts 3, 2, 1: (24 − 12) / √((36 − 12)(36 − 14)).
    const { matthews } = measure(['matthews'], [0, 0, 1, 1, 2, 2], [0, 0, 0, 1, 1, 2]);
    expect(matthews).toBeCloseTo(12 / Math.sqrt(24 * 22), 12);
  });

  it('Pearson and mean squared error', () => {
    // Deviations −1, 0, 1 and −5/3, −2/3, 7/3: 4 / √(2 · 26/3).
    const { pearson, mse } = measure(['pearson', 'mse'], [1, 2, 3], [1, 2, 5]);
    expect(pearson).toBeCloseTo(4 / Math.sqrt((2 * 26) / 3), 12);
    expect(mse).toBeCloseTo(4 / 3, 12);
  });

  it('Spearman with ties: ranks 1, 2.5, 2.5, 4 and 1, 2, 3, 4', () => {
    const { spearman } = measure(['spearman'], [10, 20, 20, 90], [1, 2, 3, 4]);
    expect(spearman).toBeCloseTo(4.5 / Math.sqrt(4.5 * 5), 12);
  });

  it('is 1 for any rising function of the references, and −1 for a falling one', () => {
    const references = [0.5, 3, 1, 4.5, 2];
    const cubed = references.map((x) => x ** 3);
    expect(measure(['spearman'], cubed, references).spearman).toBeCloseTo(1, 12);
    const falling = references.map((x) => 7 - 2 * x);
    expect(measure(['pearson'], falling, references).pearson).toBeCloseTo(-1, 12);
  });

  it('constant predictions have no correlation, and no F1 without a positive', () => {
    const names = ['matthews', 'pearson', 'spearman', 'f1'] as const;
    expect(measure(names, [0, 0, 0], [0, 1, 0])).toEqual({ matthews: 0, pearson: 0, spearman: 0, f1: 0 });
  });

  it('refuses lists of different lengths', () => {
    expect(() => measure(['accuracy'], [1, 2], [1])).toThrow(RangeError);
  });
});

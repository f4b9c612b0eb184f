import type { StudyPoint } from '../../report/index.js';
import { averagesBySeed, distinct, type StudyRow } from './study-tables.js';

/** What charts show of a study of tasks: points that the average over tasks lacks to 100, by seed, and the largest peak. */
export function pointsLost(rows: readonly StudyRow[]): readonly StudyPoint[] {
  return distinct(rows.map(({ method }) => method)).flatMap((method): StudyPoint[] => {
    const averages = averagesBySeed(rows, method);
    const peak = Math.max(...rows.filter((row) => row.method === method).map((row) => row.peak));
    return averages.length === 0 ? [] : [{ name: method, losses: averages.map((average) => 100 - average), peak }];
  });
}

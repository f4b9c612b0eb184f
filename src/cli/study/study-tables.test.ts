import { describe, expect, it } from 'vitest';
import { pointsLost } from './glue-points.js';
import { averagesBySeed, type StudyRow, spread, studyCsv, studyMarkdown } from './study-tables.js';

const row = (task: string, method: string, seed: number, score: number): StudyRow => ({
  task,
  method,
  seed,
  metric: 'accuracy',
  score,
  bestStep: 10,
  steps: 20,
  peak: 3 * 2 ** 20,
  savedPeak: 2 ** 20,
  seconds: 30,
});

const rows = [
  row('rte', 'full', 0, 0.5),
  row('rte', 'full', 1, 0.6),
  row('rte', 'lora@8', 0, 0.7),
  row('cola', 'full', 0, 0.2),
];

describe('tables of a study', () => {
  it('mean and sample deviation', () => {
    expect(spread([1, 2, 3, 6])).toEqual({ mean: 3, deviation: Math.sqrt(14 / 3) });
    expect(spread([5])).toEqual({ mean: 5, deviation: undefined });
  });

  it('a line per run', () => {
    expect(studyCsv(rows).split('\n')[1]).toBe('rte,full,0,accuracy,0.5,10,20,3145728,1048576,30');
  });

  it('averages by seed over the tasks of all methods; what they lack to 100 is charted', () => {
    expect(averagesBySeed(rows, 'full')).toEqual([50, 60]);
    expect(averagesBySeed([...rows, row('cola', 'lora@8', 0, 0.4)], 'full')).toEqual([35]);
    expect(pointsLost(rows).map(({ name, losses }) => [name, losses.map(Math.round)])).toEqual([
      ['full', [50, 40]],
      ['lora@8', [30]],
    ]);
  });

  it('a row per method, the average over what all of them have', () => {
    const lines = studyMarkdown(rows, ['# Study']).split('\n');
    expect(lines[2]).toContain('| method | rte (accuracy) | cola (accuracy) | average of rte |');
    expect(lines[4]).toContain('| `full` | 55.00 ± 7.07 | 20.00 | 55.00 | 3.00 MiB | 1.00 MiB |');
    expect(lines[5]).toContain('| `lora@8` | 70.00 |  | 70.00 |');
  });
});

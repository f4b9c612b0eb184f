import { describe, expect, it } from 'vitest';
import { markupErrors } from '../testing/well-formed.js';
import { studyCharts } from './study.js';

const points = [
  { name: 'full', losses: [2, 2.125, 2.25], peak: 3 * 2 ** 20 },
  { name: 'compact@n/4:basis=prac', losses: [2.5], peak: 2 ** 20 },
  { name: 'worse & larger', losses: [3], peak: 4 * 2 ** 20 },
];

describe('the charts of a study', () => {
  it('stand alone: well-formed, without the variables of a page', async () => {
    const charts = await studyCharts(points, 'full', 'held-out loss');
    expect(charts.map(({ file }) => file)).toEqual(['loss-by-method.svg', 'loss-by-memory.svg']);
    for (const { svg } of charts) {
      expect(markupErrors(svg)).toEqual([]);
      expect(svg).not.toContain('var(');
      for (const name of ['full', 'compact@n/4:basis=prac', 'worse &amp; larger']) expect(svg).toContain(name);
    }
  });

  it('show the mean over seeds', async () => {
    const [{ svg }] = await studyCharts(points, 'full', 'held-out loss');
    expect(svg).toContain('2.125');
  });

  it('are none without results', async () => expect(await studyCharts([], 'full', 'held-out loss')).toEqual([]));
});

import { describe, expect, it } from 'vitest';
import { roles } from '../engine/index.js';
import { renderCompareReport } from './compare-report.js';
import { comparisonRows } from './comparison-rows.js';
import { roleStyles, rolesInUse, stackOrder } from './palette.js';
import { renderRunReport } from './run-report.js';
import type { CompareSummary, RunSummary } from './summary.js';
import { exampleComparison, exampleSingleRun } from './testing/example.js';
import { markupErrors } from './testing/well-formed.js';

function withRuns(change: (run: RunSummary, index: number) => RunSummary): CompareSummary {
  const summary = exampleComparison();
  return { ...summary, runs: summary.runs.map(change) };
}

const text = (document: string) => document.replace(/<style>[^<]*<\/style>/, '').replace(/<[^>]*>/g, ' ');
const svgs = (document: string) => [...document.matchAll(/<svg class="chart.*?<\/svg>/gs)].map(([svg]) => svg);

describe('both reports', () => {
  it.each([
    ['comparison', () => renderCompareReport(exampleComparison())],
    ['run', () => renderRunReport(exampleSingleRun())],
  ])('the %s is well-formed and asks nothing of the network or of scripts', async (_, render) => {
    const page = await render();
    expect(markupErrors(page)).toEqual([]);
    expect(page).not.toMatch(/https?:|url\((?!#)|<script|<link|@import|\bsrc=|\bon\w+=/);
    expect(page).not.toMatch(/NaN|undefined|\[object/);
    const ids = [...page.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const named = [...page.matchAll(/aria-describedby="([^"]*)"|url\(#([^)]*)\)/g)].map(([, a, b]) => a ?? b);
    expect(named.filter((id) => !ids.includes(id))).toEqual([]);
    expect(svgs(page).every((svg) => /role="img"[^>]*aria-label="[^"]+/s.test(svg))).toBe(true);
    expect(page.match(/<table/g)?.length).toBe(page.match(/<caption/g)?.length);
  });

  it('are the same bytes for the same summary', async () => {
    expect(await renderCompareReport(exampleComparison())).toBe(await renderCompareReport(exampleComparison()));
  });

  it('use one colour per role everywhere, and another for each', async () => {
    const memoryOf = (page: string) => svgs(page).find((svg) => svg.includes('memory-by-role-wide')) ?? '';
    const compare = memoryOf(await renderCompareReport(exampleComparison()));
    const run = memoryOf(await renderRunReport(exampleSingleRun()));
    const used = rolesInUse([exampleSingleRun().memory.measured.byRole]);
    for (const role of used) {
      expect(compare).toContain(`fill="${roleStyles[role].fill}"`);
      expect(run).toContain(`fill="${roleStyles[role].fill}"`);
    }
    expect(new Set(roles.map((role) => roleStyles[role].fill)).size).toBe(roles.length);
    expect([...stackOrder].sort()).toEqual([...roles].sort());
  });
});

describe('the comparison', () => {
  it('shows headline, every row of the table, stories, settings', async () => {
    const page = await renderCompareReport(exampleComparison());
    const shown = text(page);
    expect(page).toMatch(/<h1>compact trains with 51\u00a0% less memory than full at a validation loss 0\.07 higher/);
    for (const { label, cells } of comparisonRows(exampleComparison().runs)) {
      expect(shown).toContain(label);
      for (const cell of cells) expect(shown).toContain(cell.text);
    }
    expect(shown).toContain('Tom helped the dog');
    expect(shown).toContain('AMD EPYC 7B13');
    expect(svgs(page).length).toBe(8);
  });

  it('draws memory against time, and says which runs are on the front', async () => {
    const figures = [
      { peak: 300, tokensPerSecond: 100 },
      { peak: 200, tokensPerSecond: 50 },
      { peak: 250, tokensPerSecond: 40 },
    ];
    const [first] = exampleComparison().runs;
    const runs = figures.map(({ peak, tokensPerSecond }, index) => {
      const footprint = { peak, byRole: { weight: peak } };
      const memory = { ...first.memory, measured: footprint, predicted: footprint };
      return { ...first, name: `run ${index}`, tokensPerSecond, memory };
    });
    const page = await renderCompareReport({ ...exampleComparison(), runs });
    expect(markupErrors(page)).toEqual([]);
    expect(page).toContain('On the front: run 0, run 1.');
    const timeless = runs.map((run) => ({ ...run, tokensPerSecond: 0 }));
    expect(await renderCompareReport({ ...exampleComparison(), runs: timeless })).not.toContain('Memory against time');
  });

  it('escapes what people and models write', async () => {
    const evil = '<script>alert("1.23456")</script> & zr0-c0 \' "';
    const summary = withRuns((run) => ({ ...run, name: evil, story: { prompt: evil, text: evil } }));
    const page = await renderCompareReport({ ...summary, title: evil, settings: { ...summary.settings, data: evil } });
    expect(markupErrors(page)).toEqual([]);
    expect(page).not.toContain('<script');
    expect(page).toContain('&lt;script&gt;alert(&quot;1.23456&quot;)&lt;/script&gt; &amp; zr0-c0');
  });

  it('shortens long names in charts only', async () => {
    const name = `compact-with-${'very-'.repeat(40)}long-name`;
    const page = await renderCompareReport(withRuns((run, index) => ({ ...run, name: `${name}-${index}` })));
    expect(markupErrors(page)).toEqual([]);
    expect(text(page)).toContain(`${name}-2`);
    const drawn = svgs(page).flatMap((svg) => [...svg.matchAll(/<text[^>]*>([^<]*)/g)].map(([, label]) => label));
    expect(Math.max(...drawn.map((label) => label.length))).toBeLessThan(120);
  });

  it('draws twelve runs, one run, and runs of one step', async () => {
    const [first] = exampleComparison().runs;
    const many = Array.from({ length: 12 }, (_, index) => ({ ...first, name: `run ${index}` }));
    const short = { steps: 1, losses: [9.1], learningRates: [0.001], stepSeconds: [0.2], validation: [] };
    for (const runs of [many, [first], [{ ...first, ...short }], [first, { ...first, ...short, name: 'short' }]]) {
      const page = await renderCompareReport({ ...exampleComparison(), runs });
      expect(markupErrors(page)).toEqual([]);
      expect(page).not.toMatch(/NaN|undefined|Infinity/);
    }
  });

  it('shows losses that are missing or not a number, and draws the rest', async () => {
    const lost = withRuns((run, index) => {
      const { valLoss: _, validation: __, ...rest } = run;
      return index === 0
        ? { ...run, valLoss: Number.NaN, validation: [{ step: 100, loss: null }] }
        : { ...rest, losses: run.losses.map((loss, step) => (step > 200 ? null : loss)) };
    });
    const page = await renderCompareReport(lost);
    expect(markupErrors(page)).toEqual([]);
    expect(page).not.toMatch(/NaN|undefined/);
    expect(text(page)).toContain('not a number');
  });

  it('leaves out loss charts when there is no loss at all', async () => {
    const page = await renderCompareReport(
      withRuns(({ learningRates: _, stepSeconds: __, ...run }) => ({ ...run, losses: [], validation: [] })),
    );
    expect(page).not.toContain('Loss by step');
    expect(svgs(page).length).toBe(4);
  });

  it('copes with runs that took no memory and no time', async () => {
    const nothing = { peak: 0, byRole: {} };
    const memory = { predicted: nothing, measured: nothing, savedPeak: 0, rss: { peak: 0 } };
    const page = await renderCompareReport(withRuns((run) => ({ ...run, memory, tokensPerSecond: 0, seconds: 0 })));
    expect(markupErrors(page)).toEqual([]);
    expect(page).not.toMatch(/NaN|undefined|Infinity/);
  });
});

describe('the report of a run', () => {
  it('shows curves, memory, largest blocks and the plan', async () => {
    const page = await renderRunReport(exampleSingleRun());
    const shown = text(page);
    for (const part of ['Loss by step', 'Learning rate by step', 'Where every byte went', 'layers.0.mlp.gate']) {
      expect(shown).toContain(part);
    }
    expect(page).toMatch(/<details>.*late-sketch.*<\/details>/s);
  });

  it('shows less when less is known', async () => {
    const { plan: _, largestBlocks: __, story: ___, settings: ____, learningRates: _____, ...run } = exampleSingleRun();
    const page = await renderRunReport(run);
    expect(markupErrors(page)).toEqual([]);
    expect(page).not.toMatch(/Largest blocks|Memory plan|What the model writes|Learning rate by step/);
  });
});

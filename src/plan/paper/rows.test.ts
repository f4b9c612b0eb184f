import { describe, expect, it } from 'vitest';
import { type PaperRow, table2Rows, table3Rows } from './rows.js';
import { table4Rows } from './table4.js';

const rows = { table2: await table2Rows(), table3: await table3Rows() };

/** Cells that stand in the paper. */
const compared = (of: readonly PaperRow[]) =>
  of.flatMap(({ published, ...row }) => (published === null ? [] : [{ ...row, published }]));

describe('table 2, derived by dry runs', () => {
  it.each(compared(rows.table2))('$model, $method: $published GiB within 2 %', ({ published, derived }) => {
    expect(Math.abs(derived / published - 1)).toBeLessThan(0.02);
  });

  it('has all of the published cells of every model', () => {
    expect(compared(rows.table2)).toHaveLength(19);
  });

  it('says what does not fit the paper: full rank at 1B takes less than 81 GB but more than GaLore', () => {
    const full = rows.table2.find(({ model, method }) => model === 'llama-1b' && method === 'full');
    expect(full?.published).toBeNull();
    expect(full?.derived).toBeGreaterThan(75.4);
  });

  it('adds rows that keep less: each model trains in less than half of the best published row', () => {
    for (const model of ['llama-60m', 'llama-130m', 'llama-350m', 'llama-1b']) {
      const of = rows.table2.filter((row) => row.model === model);
      const best = Math.min(...compared(of).map(({ published }) => published));
      const own = of.filter(({ published, method }) => published === null && method.startsWith('checkpoint'));
      expect(own.length).toBeGreaterThan(1);
      for (const { derived } of own) expect(derived).toBeLessThan(best / 2);
    }
  });
});

describe('what this program adds', () => {
  const own = (model: string) => rows.table2.filter((row) => row.model === model && row.time !== undefined);

  it('trains the 350M model in 4 GiB at no more than 1.1 times the time of full rank', () => {
    const good = own('llama-350m').filter(({ derived, time }) => derived <= 4 && (time ?? 99) <= 1.1);
    expect(good.map(({ method }) => method)).toContain('checkpoint, compact n/8, adam8bit');
  });

  it('trains the 7B model on 32,768 tokens in 24 GiB, in parts', () => {
    const smallest = Math.min(...own('llama-7b').map(({ derived }) => derived));
    expect(smallest).toBeLessThan(24);
  });
});

describe('table 3, derived by dry runs', () => {
  it.each(compared(rows.table3))('$method, $component: $published GiB within 2 % of what the paper counts', (row) => {
    // Its 0.54 for GaLore's states is an estimate that none of our ways of counting gives: 0.53 without bases, 0.61 with.
    const tolerance = row.method === 'galore' && row.component === 'optimizer' ? 0.03 : 0.02;
    expect(Math.abs((row.countedAsPaper ?? row.derived) / row.published - 1)).toBeLessThan(tolerance);
    if (row.countedAsPaper !== undefined) expect(row.note).toMatch(/the paper counts/);
  });
});

describe('table 4, derived by dry runs', async () => {
  const derived = Object.fromEntries((await table4Rows()).map((row) => [row.method, row]));

  it('has full rank within 3 % of the published figure', () => {
    const { full } = derived;
    expect(full.published).toBe(6298);
    expect(Math.abs(full.derived / 6298 - 1)).toBeLessThan(0.03);
  });

  it('has the published algorithm above its figure, and says why; with exact savings CompAct needs less than that', () => {
    for (const rank of [4, 8]) {
      const { published, derived: mebibytes, note } = derived[`compact r=${rank}`];
      expect(mebibytes / (published ?? 0)).toBeGreaterThan(1.2);
      expect(note).toContain('as published');
    }
    expect(derived['compact r=8, no-qkv'].derived * 2 ** 20).toBeLessThan(2.4e9);
    expect(derived['checkpoint, compact r=8'].derived).toBeLessThan(derived['compact r=8, no-qkv'].derived);
  });
});

import { describe, expect, it } from 'vitest';
import { comparisonRows } from './comparison-rows.js';
import { formatComparisonTable } from './terminal-table.js';
import { exampleComparison } from './testing/example.js';

describe('formatComparisonTable', () => {
  const summary = exampleComparison();

  it('has the rows of the page, one column per run, and fits a terminal of 80 columns', () => {
    const table = formatComparisonTable(summary);
    const lines = table.split('\n');
    const rows = comparisonRows(summary.runs);
    expect(lines.length).toBe(rows.length + 4);
    for (const [index, { label, cells }] of rows.entries()) {
      const line = lines[index + 3];
      expect(line).toContain(label);
      for (const { text } of cells) expect(line).toContain(text);
    }
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(table).toMatch(/measured peak.*681 MiB.*370 MiB +−46 %.*331 MiB +−51 %/);
  });

  it('is plain unless colours are asked for', () => {
    expect(formatComparisonTable(summary)).not.toContain('\u001b');
    expect(formatComparisonTable(summary, { colors: true })).toContain('\u001b');
  });

  it('shows where the prediction of a role was wrong', () => {
    const [full, ...others] = summary.runs;
    const memory = { ...full.memory, predicted: { peak: 1, byRole: { ...full.memory.predicted.byRole, saved: 1024 } } };
    expect(formatComparisonTable({ ...summary, runs: [{ ...full, memory }, ...others] })).toContain(
      '396 MiB (predicted 1.00 KiB)',
    );
  });

  it('does not let a name move the cursor', () => {
    const runs = summary.runs.map((run) => ({ ...run, name: 'a\u001b[2J\nb' }));
    const table = formatComparisonTable({ ...summary, runs });
    expect(table).not.toContain('\u001b');
    expect(table).toContain('a [2J b');
  });
});

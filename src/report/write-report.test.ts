import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { InputError } from '../engine/index.js';
import { exampleComparison, exampleSingleRun } from './testing/example.js';
import {
  readCompareSummary,
  readRunSummary,
  writeCompareReport,
  writeRunReport,
  writeRunSummary,
} from './write-report.js';

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'compact-report-'));
});
afterEach(() => rm(directory, { recursive: true }));

describe('writeCompareReport', () => {
  it('writes page and summary, and nothing else', async () => {
    const path = await writeCompareReport(directory, exampleComparison());
    expect((await readdir(directory)).sort()).toEqual(['report.html', 'summary.json']);
    expect(await readFile(path, 'utf8')).toMatch(/^<!DOCTYPE html>/);
    expect(await readCompareSummary(directory)).toEqual(exampleComparison());
  });

  it('refuses an inconsistent summary before it writes anything', async () => {
    const summary = { ...exampleComparison(), runs: [] };
    await expect(writeCompareReport(directory, summary)).rejects.toThrow('comparison: runs: ');
    expect(await readdir(directory)).toEqual([]);
  });

  it('says so when the directory is not there', async () => {
    await expect(writeCompareReport(join(directory, 'absent'), exampleComparison())).rejects.toMatchObject({
      code: 'SAVE_FAILED',
    });
  });
});

describe('writeRunReport', () => {
  it('reads what a run left and writes the page', async () => {
    const { plan, ...run } = exampleSingleRun();
    await writeRunSummary(directory, run);
    await writeFile(join(directory, 'plan.json'), JSON.stringify(plan));
    const page = await readFile(await writeRunReport(directory), 'utf8');
    expect(page).toContain('Memory plan');
    expect((await readRunSummary(directory)).plan).toEqual(plan);
  });

  it('names the file that is absent, and the one that is broken', async () => {
    await expect(writeRunReport(directory)).rejects.toThrow(`${join(directory, 'summary.json')}: no such file`);
    await writeFile(join(directory, 'summary.json'), '{"name":');
    await expect(writeRunReport(directory)).rejects.toThrow(/summary\.json: not JSON/);
    await expect(writeRunReport(directory)).rejects.toThrow(InputError);
    await writeRunSummary(directory, exampleSingleRun());
    await writeFile(join(directory, 'metrics.jsonl'), '{"step":0}\n');
    await expect(writeRunReport(directory)).rejects.toThrow(/metrics\.jsonl:1: step: /);
  });
});

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../engine/index.js';
import { replaceFileWith } from '../models/index.js';
import { parsePlan } from '../plan/index.js';
import { renderCompareReport } from './compare-report.js';
import { withMetrics } from './metrics.js';
import { renderRunReport } from './run-report.js';
import { type CompareSummary, parseCompareSummary, parseRunSummary, type RunSummary } from './summary.js';

/** File names inside a run's or a comparison's directory. */
export const summaryFile = 'summary.json';
export const metricsFile = 'metrics.jsonl';
export const planFile = 'plan.json';
export const reportFile = 'report.html';

/**
 * Writes `report.html` from what a run left in its directory: `summary.json` ({@link RunSummary}); `metrics.jsonl`, one
 * step report per line, which tells of earlier sessions of a resumed run too; and `plan.json`. The last two may be absent.
 *
 * @returns path of the report
 * @throws InputError if `summary.json` is absent, or a file is not what it should be
 * @throws SaveError if the report cannot be written
 */
export async function writeRunReport(directory: string): Promise<string> {
  const summary = await readRunSummary(directory);
  const path = join(directory, reportFile);
  await replaceFileWith(path, await renderRunReport(summary));
  return path;
}

/** Writes `summary.json`, to be followed by {@link writeRunReport}. */
export async function writeRunSummary(directory: string, summary: RunSummary): Promise<void> {
  await replaceFileWith(join(directory, summaryFile), `${JSON.stringify(summary)}\n`);
}

/**
 * Writes `summary.json` and `report.html`.
 *
 * @returns path of the report
 * @throws InputError if the summary is inconsistent
 * @throws SaveError if one of them cannot be written
 */
export async function writeCompareReport(directory: string, summary: CompareSummary): Promise<string> {
  const checked = parseCompareSummary(summary, 'comparison');
  const path = join(directory, reportFile);
  await replaceFileWith(join(directory, summaryFile), `${JSON.stringify(checked, null, 1)}\n`);
  await replaceFileWith(path, await renderCompareReport(checked));
  return path;
}

/** What is known about the run in this directory; see {@link writeRunReport}. */
export async function readRunSummary(directory: string): Promise<RunSummary> {
  const path = join(directory, summaryFile);
  const text = await readText(path);
  if (text === undefined) throw new InputError(`${path}: no such file`, 'a run writes it when it ends');
  const summary = parseRunSummary(parseJson(text, path), path);
  const planPath = join(directory, planFile);
  const planText = summary.plan ? undefined : await readText(planPath);
  const metrics = await readText(join(directory, metricsFile));
  return withMetrics(
    { ...summary, ...(planText !== undefined && { plan: parsePlan(parseJson(planText, planPath), planPath) }) },
    metrics ?? '',
    join(directory, metricsFile),
  );
}

/** Reads a comparison's `summary.json`. */
export async function readCompareSummary(directory: string): Promise<CompareSummary> {
  const path = join(directory, summaryFile);
  const text = await readText(path);
  if (text === undefined) throw new InputError(`${path}: no such file`, 'compact compare writes it');
  return parseCompareSummary(parseJson(text, path), path);
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new InputError(`${path}: cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new InputError(`${path}: not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

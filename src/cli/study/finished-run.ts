import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFileWith } from '../../models/index.js';
import type { FineTuneValues } from '../command-options.js';

/** File in a run's directory that says what the finished run was made from. */
const recordFile = 'study-run.json';

/**
 * Whether the run is finished, with the same options, model and data. Files are compared by name, size and time, so that
 * nothing has to be read and encoded for what is there already.
 */
export async function isFinished(run: FineTuneValues): Promise<boolean> {
  const recorded = await readFile(join(run.out, recordFile), 'utf8').catch(() => undefined);
  return recorded !== undefined && recorded === (await recordOf(run));
}

/** To be called when the run has come to its end. */
export async function markFinished(run: FineTuneValues): Promise<void> {
  await replaceFileWith(join(run.out, recordFile), await recordOf(run));
}

/** What a run's result depends on. */
async function recordOf({ out, threads, quiet, json, debug, ...options }: FineTuneValues): Promise<string> {
  const paths = [options.model, options.data, options.tokenizer].filter((path) => path !== undefined);
  const files = await Promise.all(paths.map(filesAt));
  return `${JSON.stringify({ options, files: files.flat() }, undefined, 1)}\n`;
}

/** Names, sizes and times of a file or of all files below a directory; none of what is no path, but a name. */
async function filesAt(path: string): Promise<readonly (readonly [name: string, size: number, modified: number])[]> {
  const found = await stat(path).catch(() => undefined);
  if (!found) return [];
  const names = found.isDirectory() ? (await readdir(path, { recursive: true })).sort() : [''];
  const files = await Promise.all(
    names.map(async (name) => ({ name: join(path, name), stats: await stat(join(path, name)) })),
  );
  return files.filter(({ stats }) => stats.isFile()).map(({ name, stats }) => [name, stats.size, stats.mtimeMs]);
}

import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { z } from 'zod';
import { isSystemError, SaveError } from '../models/save-file.js';

/** Where tokenised text is kept: `COMPACT_CACHE`, else `.compact-cache` in the working directory. */
export function defaultCacheDirectory(): string {
  return resolve(process.env.COMPACT_CACHE || '.compact-cache');
}

/** Name of a cache entry: hash of all that it depends on. */
export function cacheKey(...parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
}

/**
 * Makes the directory, and clears away what killed processes left of this entry.
 *
 * @throws SaveError if it cannot be made
 */
export async function prepareCache(directory: string, key: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true });
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new SaveError(
      `${directory}: the cache directory cannot be made: ${error.message}`,
      'name another one with the environment variable COMPACT_CACHE',
      error,
    );
  }
  for (const name of await readdir(directory)) {
    const match = /\.(\d+)\.tmp$/.exec(name);
    if (match !== null && name.startsWith(key) && !isRunning(Number(match[1])))
      await rm(join(directory, name), { force: true });
  }
}

/** A small JSON file of the cache; undefined if it is missing or not of this form, in which case it is made anew. */
export async function readCacheRecord<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> {
  try {
    const parsed = schema.safeParse(JSON.parse(await readFile(path, 'utf8')));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

function isRunning(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    // EPERM: it runs, and belongs to someone else.
    return isSystemError(error) && error.code === 'EPERM';
  }
}

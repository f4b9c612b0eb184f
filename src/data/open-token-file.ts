import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { z } from 'zod';
import { replaceFileWith } from '../models/save-file.js';
import { cacheKey, defaultCacheDirectory, prepareCache, readCacheRecord } from './cache-directory.js';
import { TokenFile, tokenBytes } from './token-file.js';
import type { TokenSource } from './token-source.js';

/** Bytes done and bytes in all. */
export type OnProgress = (done: number, total: number) => void;

const recordSchema = z.object({ maxId: z.int(), fingerprint: z.string() });
type TokenRecord = z.infer<typeof recordSchema>;

/** A {@link TokenFile} with what is known of its content. */
class CheckedTokenFile implements TokenSource {
  readonly length: number;
  readonly maxId: number;
  readonly fingerprint: string;

  constructor(
    private readonly file: TokenFile,
    record: TokenRecord,
  ) {
    this.length = file.length;
    this.maxId = record.maxId;
    this.fingerprint = record.fingerprint;
  }

  read(start: number, count: number): Int32Array {
    return this.file.read(start, count);
  }

  close(): void {
    this.file.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** An opened file as a source, with the record of an earlier pass over it. */
export function checkedTokens(file: TokenFile, record: TokenRecord): TokenSource {
  return new CheckedTokenFile(file, record);
}

/**
 * Opens a `.bin` file. The first time it is read through once, for its largest id and its hash; that is remembered in the
 * cache directory under the file's path, size and time of change.
 *
 * @throws InputError if the file cannot be used
 */
export async function openTokenFile(
  path: string,
  options: { readonly cacheDirectory?: string | undefined; readonly onProgress?: OnProgress | undefined } = {},
): Promise<TokenSource> {
  const directory = options.cacheDirectory ?? defaultCacheDirectory();
  const file = TokenFile.open(path);
  try {
    const key = cacheKey('checked', path, file.byteLength, file.modifiedMs, file.dtype);
    const recordPath = join(directory, `${key}.json`);
    let record = await readCacheRecord(recordPath, recordSchema);
    if (record === undefined) {
      record = await readThrough(file, options.onProgress);
      await remember(directory, key, recordPath, record);
    }
    return checkedTokens(file, record);
  } catch (error) {
    file.close();
    throw error;
  }
}

async function remember(directory: string, key: string, recordPath: string, record: TokenRecord): Promise<void> {
  try {
    await prepareCache(directory, key);
    await replaceFileWith(recordPath, `${JSON.stringify(record)}\n`);
  } catch {
    // The record only saves time; without a place to write, the file is read through again next time.
  }
}

async function readThrough(file: TokenFile, onProgress: OnProgress = () => {}): Promise<TokenRecord> {
  const hash = new TokenHash();
  const chunk = 2 ** 19;
  for (let start = 0; start < file.length; start += chunk) {
    hash.update(file.read(start, Math.min(chunk, file.length - start)));
    onProgress(Math.min(1, (start + chunk) / file.length) * file.byteLength, file.byteLength);
    await setImmediate();
  }
  return hash.record();
}

/** Collects what is to be known of a row of ids while they pass by. */
export class TokenHash {
  private readonly hash = createHash('sha256');
  private maxId = -1;

  update(ids: Int32Array): void {
    for (let i = 0; i < ids.length; i++) {
      // Above 2^31 a uint32 comes out negative; it is as far beyond any vocabulary.
      const id = ids[i] < 0 ? 2 ** 31 - 1 : ids[i];
      if (id > this.maxId) this.maxId = id;
    }
    this.hash.update(tokenBytes(ids, 'uint32'));
  }

  record(): TokenRecord {
    return { maxId: this.maxId, fingerprint: this.hash.digest('hex').slice(0, 32) };
  }
}

import { join } from 'node:path';
import { z } from 'zod';
import { InputError } from '../engine/errors.js';
import { replaceFile, replaceFileWith, writeAll } from '../models/save-file.js';
import { cacheKey, defaultCacheDirectory, prepareCache, readCacheRecord } from './cache-directory.js';
import { readPieces } from './corpus.js';
import type { CorpusFile } from './corpus-files.js';
import { encodePiece } from './encode-corpus.js';
import { checkedTokens, type OnProgress, TokenHash } from './open-token-file.js';
import { TokenFile, tokenBytes, tokenDType } from './token-file.js';
import { beyondVocabulary, type TokenSource } from './token-source.js';
import type { Tokenizer } from './tokenizer/tokenizer.js';

/** Changes when the same text and tokenizer would give other ids. */
const cacheVersion = 1;

export interface TokenCacheOptions {
  readonly cacheDirectory?: string | undefined;
  /** Bytes of the files on disk that were read, and of all. Not called if the tokens are in the cache already. */
  readonly onProgress?: OnProgress | undefined;
  /** The model's vocabulary: an id beyond it ends the work at once. */
  readonly vocabSize?: number | undefined;
}

const recordSchema = z.object({
  dtype: z.enum(['uint16', 'uint32']),
  tokens: z.int(),
  maxId: z.int(),
  fingerprint: z.string(),
});

/**
 * Ids of a text corpus, from the cache or else encoded into it, piece by piece, so that memory stays bounded. An entry is
 * found by the files' paths, sizes and times of change and the tokenizer's fingerprint. It is written beside and renamed:
 * a kill leaves no half entry.
 *
 * @throws InputError if a file cannot be read, the corpus is empty, or an id is beyond `vocabSize`
 * @throws SaveError if the cache cannot be written
 */
export async function cachedTokens(
  files: readonly CorpusFile[],
  tokenizer: Tokenizer,
  options: TokenCacheOptions = {},
): Promise<TokenSource> {
  const directory = options.cacheDirectory ?? defaultCacheDirectory();
  const described = files.map(({ path, byteLength, modifiedMs }) => [path, byteLength, modifiedMs]);
  const key = cacheKey('tokens', cacheVersion, described, tokenizer.fingerprint);
  const path = join(directory, `${key}.bin`);
  const found = await openEntry(path);
  if (found !== undefined) return found;
  await prepareCache(directory, key);
  const record = await encodeTo(path, files, tokenizer, options);
  // The record comes last: without it the entry does not count.
  await replaceFileWith(sidecarOf(path), `${JSON.stringify(record)}\n`);
  return checkedTokens(TokenFile.open(path), record);
}

const sidecarOf = (path: string): string => path.replace(/\.bin$/, '.json');

async function openEntry(path: string): Promise<TokenSource | undefined> {
  const record = await readCacheRecord(sidecarOf(path), recordSchema);
  if (record === undefined) return undefined;
  try {
    return checkedTokens(TokenFile.open(path), record);
  } catch (error) {
    // A damaged entry (cut short, deleted) is not the user's input: it is made anew.
    if (error instanceof InputError) return undefined;
    throw error;
  }
}

async function encodeTo(
  path: string,
  files: readonly CorpusFile[],
  tokenizer: Tokenizer,
  options: TokenCacheOptions,
): Promise<z.infer<typeof recordSchema>> {
  const total = files.reduce((sum, file) => sum + file.byteLength, 0);
  const vocabSize = options.vocabSize ?? Number.POSITIVE_INFINITY;
  const dtype = tokenDType(tokenizer.vocabSize);
  const name = nameOf(files);
  const hash = new TokenHash();
  let bytesRead = 0;
  let tokens = 0;
  const onBytes = (bytes: number) => {
    bytesRead += bytes;
    options.onProgress?.(bytesRead, total);
  };
  await replaceFile(path, async (file) => {
    for await (const piece of readPieces(files, { onBytes })) {
      const ids = encodePiece(piece, tokenizer);
      const bad = ids.findIndex((id) => id >= vocabSize);
      if (bad >= 0) throw beyondVocabulary(ids[bad], tokens + bad, vocabSize, name);
      hash.update(ids);
      await writeAll(file, tokenBytes(ids, dtype));
      tokens += ids.length;
    }
    if (tokens === 0) throw new InputError(`${name}: holds no text`);
  });
  return { dtype, tokens, ...hash.record() };
}

function nameOf(files: readonly CorpusFile[]): string {
  const [first] = files;
  return files.length === 1 ? first.path : `${first.path} and ${files.length - 1} more`;
}

import { InputError } from '../engine/errors.js';
import { readPieces } from './corpus.js';
import { type CorpusFile, findCorpusFiles } from './corpus-files.js';
import { type OnProgress, openTokenFile } from './open-token-file.js';
import { cachedTokens } from './token-cache.js';
import { ConcatenatedTokens, requireVocabulary, type TokenSource } from './token-source.js';
import { loadTokenizer } from './tokenizer/load-tokenizer.js';
import type { Tokenizer } from './tokenizer/tokenizer.js';

export interface OpenTokensOptions {
  /** Files, directories and globs: text (`.txt`, `.jsonl`, also `.gz` and `.br`) or token ids (`.bin`), not both. */
  readonly data: readonly string[];
  /** Needed for text. */
  readonly tokenizer?: Tokenizer | undefined;
  /** The model's; a larger id in the data is an error. */
  readonly vocabSize: number;
  /** Default: `COMPACT_CACHE`, else `.compact-cache` in the working directory. */
  readonly cacheDirectory?: string | undefined;
  readonly onProgress?: OnProgress | undefined;
}

/**
 * Opens a corpus as one row of token ids, encoding text into the cache if it is not there yet. The corpus may be larger
 * than memory.
 *
 * @throws InputError if there is no such data, it is empty or damaged, text has no tokenizer, or an id is beyond the
 *   vocabulary
 * @throws SaveError if the cache cannot be written
 */
export async function openTokens(options: OpenTokensOptions): Promise<TokenSource> {
  const files = await findCorpusFiles(options.data);
  const source = isTokenCorpus(files) ? await openAll(files, options) : await openText(files, options);
  try {
    requireVocabulary(source, options.vocabSize, options.data.join(', '));
  } catch (error) {
    source.close();
    throw error;
  }
  return source;
}

/**
 * Loads the tokenizer that belongs to a corpus: as {@link loadTokenizer}, and `char` takes its vocabulary from the corpus.
 *
 * @throws InputError
 */
export async function loadTokenizerFor(spec: string, data: readonly string[]): Promise<Tokenizer> {
  if (spec !== 'char') return await loadTokenizer(spec);
  return await loadTokenizer(spec, texts(await findCorpusFiles(data)));
}

async function* texts(files: readonly CorpusFile[]): AsyncGenerator<string> {
  for await (const piece of readPieces(files)) yield piece.text;
}

function isTokenCorpus(files: readonly CorpusFile[]): boolean {
  const tokenFiles = files.filter((file) => file.content === 'tokens');
  if (tokenFiles.length === 0 || tokenFiles.length === files.length) return tokenFiles.length > 0;
  const other = files.find((file) => file.content !== 'tokens');
  throw new InputError(
    `the data mixes token ids (${tokenFiles[0].path}) and text (${other?.path})`,
    'give one kind in a run',
  );
}

async function openText(files: readonly CorpusFile[], options: OpenTokensOptions): Promise<TokenSource> {
  if (options.tokenizer !== undefined) return await cachedTokens(files, options.tokenizer, options);
  throw new InputError(
    `${files[0].path}: text needs a tokenizer`,
    'add --tokenizer byte, char, or a directory, tokenizer.json or tokenizer.model',
  );
}

async function openAll(files: readonly CorpusFile[], options: OpenTokensOptions): Promise<TokenSource> {
  const parts: TokenSource[] = [];
  try {
    for (const file of files) parts.push(await openTokenFile(file.path, options));
  } catch (error) {
    for (const part of parts) part.close();
    throw error;
  }
  return parts.length === 1 ? parts[0] : new ConcatenatedTokens(parts);
}

import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { glob } from 'tinyglobby';
import { InputError } from '../engine/errors.js';

/** A file of a corpus and how it is to be read. */
export interface CorpusFile {
  /** Absolute. */
  readonly path: string;
  readonly content: 'text' | 'jsonl' | 'tokens';
  readonly compression: 'none' | 'gzip' | 'brotli';
  /** As it lies on disk. */
  readonly byteLength: number;
  readonly modifiedMs: number;
}

const knownNames = '**/*.{txt,txt.gz,txt.br,jsonl,jsonl.gz,jsonl.br}';

/**
 * Resolves paths, directories and globs to files, in the order given; what one directory or glob yields is sorted by path.
 * A directory gives its text files (`.txt`, `.jsonl`, also with `.gz` or `.br`), at any depth.
 *
 * @throws InputError if a path does not exist, or a directory or glob yields no file
 */
export async function findCorpusFiles(data: readonly string[]): Promise<CorpusFile[]> {
  if (data.length === 0) throw new InputError('no data given', 'name files, directories or globs with --data');
  const files: CorpusFile[] = [];
  for (const entry of data) for (const path of await expand(entry)) files.push(await describeFile(path));
  return files;
}

async function expand(entry: string): Promise<string[]> {
  // A path that exists is meant as it stands, whatever brackets its name has.
  const found = await stat(entry).catch(() => undefined);
  if (found?.isFile()) return [entry];
  const isDirectory = found?.isDirectory() === true;
  if (!isDirectory && !/[*?{}[\]!()]/.test(entry)) {
    throw new InputError(`${entry}: no such file or directory`, 'check --data; it takes files, directories and globs');
  }
  const paths = isDirectory
    ? await glob(knownNames, { cwd: entry, absolute: true })
    : await glob(entry, { absolute: true, expandDirectories: false });
  if (paths.length > 0) return paths.sort();
  throw new InputError(
    isDirectory ? `${entry}: holds no text file` : `${entry}: no file matches`,
    'looked for are .txt, .txt.gz, .txt.br and .jsonl; token files (.bin) are named one by one or by a glob',
  );
}

/** @throws if the path does not exist */
export async function describeFile(entry: string): Promise<CorpusFile> {
  const path = resolve(entry);
  const { size, mtimeMs } = await stat(path);
  const compression = path.endsWith('.gz') ? 'gzip' : path.endsWith('.br') ? 'brotli' : 'none';
  const name = path.replace(/\.(gz|br)$/, '');
  const content = name.endsWith('.jsonl') ? 'jsonl' : name.endsWith('.bin') ? 'tokens' : 'text';
  return { path, content, compression, byteLength: size, modifiedMs: mtimeMs };
}

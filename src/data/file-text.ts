import { createReadStream } from 'node:fs';
import { pipeline, type Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip } from 'node:zlib';
import { InputError } from '../engine/errors.js';
import { isSystemError } from '../models/save-file.js';
import type { CorpusFile } from './corpus-files.js';

/** Called with the number of bytes that were read from disk since the last call. */
export type OnBytes = (bytes: number) => void;

/**
 * The text of a file in chunks of some 64 KiB, decompressed and decoded as it is read.
 *
 * @throws InputError if the file is missing, cannot be decompressed, or is not UTF-8
 */
export async function* readText(file: CorpusFile, onBytes: OnBytes = () => {}): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  try {
    for await (const chunk of readBytes(file, onBytes)) {
      const text = decoder.decode(chunk, { stream: true });
      if (text !== '') yield text;
    }
    const rest = decoder.decode();
    if (rest !== '') yield rest;
  } catch (error) {
    throw explain(error, file);
  }
}

function readBytes(file: CorpusFile, onBytes: OnBytes): AsyncIterable<Buffer> {
  const source = createReadStream(file.path);
  source.on('data', (chunk) => onBytes(chunk.length));
  const unpack = decompressor(file);
  // The callback is needed by `pipeline`; errors also reach whoever iterates over the last stream.
  return unpack === undefined ? source : pipeline(source, unpack, () => {});
}

function decompressor(file: CorpusFile): Transform | undefined {
  if (file.compression === 'gzip') return createGunzip();
  return file.compression === 'brotli' ? createBrotliDecompress() : undefined;
}

function explain(error: unknown, file: CorpusFile): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') {
    return new InputError(`${file.path}: not UTF-8 text`, 'convert it, for example with iconv -f latin1 -t utf-8');
  }
  if (isSystemError(error)) return new InputError(`${file.path}: cannot be read: ${error.message}`);
  if (file.compression !== 'none' && /^(Z_|ERR_)/.test(code)) {
    const message = error instanceof Error ? error.message : code;
    return new InputError(
      `${file.path}: cannot be decompressed as ${file.compression}: ${message}`,
      'the file is damaged or incomplete',
    );
  }
  return error;
}

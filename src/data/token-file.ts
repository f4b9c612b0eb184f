/**
 * Token ids on disk: little-endian uint16, or uint32 where a sidecar says so. Read by positional reads through the page
 * cache of the operating system, neither loaded as a whole nor mapped: when a mapped file is cut short by another program,
 * touching a lost page raises SIGBUS and kills the process, while a positional read comes back short and can be reported.
 */
import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { z } from 'zod';
import { InputError } from '../engine/errors.js';
import { isSystemError } from '../models/save-file.js';
import { checkRange } from './token-source.js';

const bytesPerToken = { uint16: 2, uint32: 4 } as const;
export type TokenDType = keyof typeof bytesPerToken;

const sidecarSchema = z.looseObject({
  dtype: z.enum(['uint16', 'uint32']).default('uint16'),
  tokens: z.int().nonnegative().optional(),
});

/** An open token file, not yet checked against a vocabulary. */
export class TokenFile implements Disposable {
  readonly length: number;
  private readonly width: number;

  private constructor(
    /** For messages. */
    readonly path: string,
    private readonly descriptor: number,
    readonly dtype: TokenDType,
    /** Of the file on disk, for caches. */
    readonly byteLength: number,
    readonly modifiedMs: number,
  ) {
    this.width = bytesPerToken[dtype];
    this.length = byteLength / this.width;
  }

  /**
   * Opens a `.bin` file; its sidecar is `NAME.json` beside `NAME.bin`, or `NAME.bin.json`.
   *
   * @throws InputError if it is missing, empty, no whole number of tokens, or not as long as its sidecar says
   */
  static open(path: string): TokenFile {
    const sidecar = readSidecar(path);
    const descriptor = openFile(path);
    try {
      const { size, mtimeMs } = fstatSync(descriptor);
      checkSize(path, size, sidecar);
      return new TokenFile(path, descriptor, sidecar.dtype, size, mtimeMs);
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
  }

  /** See {@link TokenSource.read}. */
  read(start: number, count: number): Int32Array {
    checkRange(this.length, start, count);
    const bytes = new Uint8Array(count * this.width);
    let done = 0;
    while (done < bytes.length) {
      const read = readSync(this.descriptor, bytes, done, bytes.length - done, start * this.width + done);
      if (read === 0) throw new InputError(`${this.path}: became shorter while it was in use`);
      done += read;
    }
    // Machines that Node 20 runs on here are little-endian, as the file is.
    return this.dtype === 'uint16' ? Int32Array.from(new Uint16Array(bytes.buffer)) : new Int32Array(bytes.buffer);
  }

  close(): void {
    closeSync(this.descriptor);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Bytes of ids as a token file holds them. */
export function tokenBytes(ids: Int32Array, dtype: TokenDType): Uint8Array {
  const values = dtype === 'uint16' ? Uint16Array.from(ids) : ids;
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** The smallest type that holds all ids of a vocabulary. */
export function tokenDType(vocabSize: number): TokenDType {
  return vocabSize <= 2 ** 16 ? 'uint16' : 'uint32';
}

function readSidecar(path: string): z.infer<typeof sidecarSchema> {
  const sidecar = [path.replace(/\.bin$/, '.json'), `${path}.json`].find((file) => file !== path && existsSync(file));
  if (sidecar === undefined) return { dtype: 'uint16' };
  try {
    return sidecarSchema.parse(JSON.parse(readFileSync(sidecar, 'utf8')));
  } catch (error) {
    const reason =
      error instanceof z.ZodError ? `"${error.issues[0].path.join('.')}": ${error.issues[0].message}` : error;
    throw new InputError(
      `${sidecar}: does not describe a token file: ${reason}`,
      'it is a JSON object such as {"dtype": "uint32"}; dtype is uint16 or uint32',
    );
  }
}

function openFile(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new InputError(`${path}: ${error.code === 'ENOENT' ? 'no such file' : `cannot be read: ${error.message}`}`);
  }
}

function checkSize(path: string, size: number, sidecar: z.infer<typeof sidecarSchema>): void {
  const width = bytesPerToken[sidecar.dtype];
  if (size === 0) throw new InputError(`${path}: holds no tokens`);
  if (size % width !== 0) {
    throw new InputError(
      `${path}: truncated: ${size} bytes are no whole number of ${sidecar.dtype} tokens`,
      'if its ids are of another type, say so in a sidecar, for example {"dtype": "uint32"}',
    );
  }
  if (sidecar.tokens !== undefined && sidecar.tokens * width !== size) {
    throw new InputError(
      `${path}: truncated or too long: its sidecar says ${sidecar.tokens} tokens, it holds ${size / width}`,
    );
  }
}

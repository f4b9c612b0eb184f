import type { FileHandle } from 'node:fs/promises';
import { CheckpointError } from './checkpoint-error.js';
import { toBf16 } from './float-formats.js';
import { type SafetensorsDType, safetensorsBytes } from './safetensors-format.js';
import { replaceFile, writeAll } from './save-file.js';

/** Values of a tensor on their way to a file. A `Float32Array` meant for BF16 is rounded (nearest, ties to even). */
export type TensorData =
  | Float32Array
  | Float64Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | Uint8Array
  | Int8Array;

/** A tensor to be written. `data` is asked when its turn comes, and its result is let go before the next one is asked. */
export interface TensorEntry {
  readonly name: string;
  readonly dtype: SafetensorsDType;
  readonly shape: readonly number[];
  readonly data: () => TensorData | Promise<TensorData>;
}

/**
 * Writes a safetensors file, one tensor in memory at a time, to a temporary file beside that replaces `path` at the end.
 * Layout as the reference implementation's: larger element types first, then by name, so that all tensors are aligned.
 *
 * @param metadata strings for the header, Hugging Face's loaders want `{ format: 'pt' }`
 * @returns bytes of the file
 * @throws SaveError if the disk is full or the path cannot be written; an earlier file stays as it was
 * @throws CheckpointError if a supplier gives another number of elements than its shape has, or a name comes twice
 */
export async function writeSafetensors(
  path: string,
  entries: Iterable<TensorEntry>,
  metadata: Readonly<Record<string, string>> = { format: 'pt' },
): Promise<number> {
  const sorted = [...entries].sort(
    (a, b) => safetensorsBytes[b.dtype] - safetensorsBytes[a.dtype] || (a.name < b.name ? -1 : 1),
  );
  const { header, dataBytes } = layOut(path, sorted, metadata);
  await replaceFile(path, async (file) => {
    await writeAll(file, header);
    for (const entry of sorted) await writeTensor(file, path, entry);
  });
  return header.byteLength + dataBytes;
}

function byteLength(entry: TensorEntry): number {
  return entry.shape.reduce((product, length) => product * length, safetensorsBytes[entry.dtype]);
}

function layOut(
  path: string,
  entries: readonly TensorEntry[],
  metadata: Readonly<Record<string, string>>,
): { header: Uint8Array; dataBytes: number } {
  const table = new Map<string, unknown>([['__metadata__', metadata]]);
  let end = 0;
  for (const entry of entries) {
    if (table.has(entry.name)) throw new CheckpointError(`${path}: ${entry.name}: written twice`);
    const begin = end;
    end += byteLength(entry);
    table.set(entry.name, { dtype: entry.dtype, shape: entry.shape, data_offsets: [begin, end] });
  }
  const json = Buffer.from(JSON.stringify(Object.fromEntries(table)));
  const padded = Math.ceil(json.byteLength / 8) * 8;
  const header = Buffer.alloc(8 + padded, ' ');
  header.writeBigUInt64LE(BigInt(padded), 0);
  json.copy(header, 8);
  return { header, dataBytes: end };
}

async function writeTensor(file: FileHandle, path: string, entry: TensorEntry): Promise<void> {
  const given = await entry.data();
  const data = entry.dtype === 'BF16' && given instanceof Float32Array ? toBf16(given) : given;
  if (data.byteLength !== byteLength(entry)) {
    throw new CheckpointError(
      `${path}: ${entry.name}: ${entry.dtype} [${entry.shape.join(', ')}] needs ${byteLength(entry)} bytes, was given ${data.byteLength}`,
    );
  }
  await writeAll(file, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}

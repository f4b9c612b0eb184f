import { z } from 'zod';
import { CheckpointError } from './checkpoint-error.js';

/** Bytes of one element of each type that the format names. */
export const safetensorsBytes = {
  F64: 8,
  I64: 8,
  U64: 8,
  F32: 4,
  I32: 4,
  U32: 4,
  F16: 2,
  BF16: 2,
  I16: 2,
  U16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
} as const;
export type SafetensorsDType = keyof typeof safetensorsBytes;

/** Where and how a tensor lies in its file. `begin` counts from the end of the header. */
export interface TensorInfo {
  readonly name: string;
  readonly dtype: SafetensorsDType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly byteLength: number;
}

export interface SafetensorsHeader {
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** The reference implementation refuses longer headers, and so the length field alone can never make us allocate much. */
export const maximumHeaderBytes = 100_000_000;

const size = z.int().nonnegative();
const tensorSchema = z.object({
  dtype: z.string(),
  shape: z.array(size),
  data_offsets: z.tuple([size, size]),
});

/**
 * Reads a header's JSON and checks it against the size of the data behind it: types known, offsets as long as shape and
 * type ask for, no overlap, no hole, nothing beyond the end.
 *
 * @param file how error messages name the file
 * @param dataBytes bytes of the file after the header
 * @throws CheckpointError
 */
export function parseHeader(json: string, file: string, dataBytes: number): SafetensorsHeader {
  const { __metadata__: metadata, ...entries } = parseJson(json, file);
  const tensors = Object.entries(entries).map(([name, value]) => parseTensor(name, value, file));
  checkLayout(tensors, file, dataBytes);
  const parsed = z.record(z.string(), z.string()).safeParse(metadata ?? {});
  if (!parsed.success) throw new CheckpointError(`${file}: the header's __metadata__ is not a table of strings`);
  return { tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])), metadata: parsed.data };
}

function parseJson(json: string, file: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(json);
    return z.record(z.string(), z.unknown()).parse(value);
  } catch (error) {
    const hint = 'the file is damaged or not in safetensors format';
    throw new CheckpointError(`${file}: the header is not a JSON object`, hint, error);
  }
}

function parseTensor(name: string, value: unknown, file: string): TensorInfo {
  const parsed = tensorSchema.safeParse(value);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0];
    throw new CheckpointError(`${file}: ${name}: bad header entry at "${path.join('.')}": ${message}`);
  }
  const { dtype, shape, data_offsets: offsets } = parsed.data;
  if (!isDType(dtype)) throw new CheckpointError(`${file}: ${name}: unknown dtype ${dtype}`);
  const [begin, end] = offsets;
  const expected = shape.reduce((product, length) => product * length, safetensorsBytes[dtype]);
  if (end - begin !== expected) {
    throw new CheckpointError(
      `${file}: ${name}: ${dtype} [${shape.join(', ')}] needs ${expected} bytes, its offsets [${begin}, ${end}] hold ${end - begin}`,
    );
  }
  return { name, dtype, shape, begin, byteLength: expected };
}

function isDType(name: string): name is SafetensorsDType {
  return Object.hasOwn(safetensorsBytes, name);
}

function checkLayout(tensors: readonly TensorInfo[], file: string, dataBytes: number): void {
  let end = 0;
  let previous = '';
  // An empty tensor shares its begin with its successor, hence the second criterion.
  const sorted = [...tensors].sort((a, b) => a.begin - b.begin || a.byteLength - b.byteLength);
  for (const tensor of sorted) {
    if (tensor.begin < end) throw new CheckpointError(`${file}: ${tensor.name}: overlaps with ${previous}`);
    if (tensor.begin > end) {
      throw new CheckpointError(`${file}: ${tensor.name}: ${tensor.begin - end} bytes before it belong to no tensor`);
    }
    end = tensor.begin + tensor.byteLength;
    previous = tensor.name;
    if (end > dataBytes) {
      throw new CheckpointError(
        `${file}: ${tensor.name}: truncated: it ends at byte ${end} of the data, the file holds ${dataBytes}`,
        'copy or download the file again',
      );
    }
  }
  if (end !== dataBytes) {
    throw new CheckpointError(`${file}: ${dataBytes - end} bytes after the last tensor belong to no tensor`);
  }
}

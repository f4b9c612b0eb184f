import { join } from 'node:path';
import type { DType, Engine } from '../engine/index.js';
import type { Parameter } from '../tape/index.js';
import { CheckpointError } from './checkpoint-error.js';
import { type FileFormat, type FileTensor, plainFormat } from './file-format.js';
import type { TensorReader } from './safetensors.js';
import { openSafetensors } from './safetensors-shards.js';
import { type TensorEntry, writeSafetensors } from './write-safetensors.js';

/** File of a model directory that holds the weights. */
export const weightsFile = 'model.safetensors';

/** A tensor and its name in the program. */
type NamedTensor = Pick<Parameter, 'name' | 'tensor'>;

/** What a file that is only a start did not have, and what it had too much: names of its tensors. */
export interface LoadedParts {
  readonly missing: readonly string[];
  readonly unused: readonly string[];
}

/**
 * Fills a model's parameters (or an optimizer's moments) from a directory in Hugging Face's layout, or one safetensors file.
 *
 * @param format names and layout in files; default: those of the program
 * @param asStart the weights are a start for another head: heads may be missing (they stay as they are) or left over
 * @throws CheckpointError if a weight is missing, unexpected, of another shape, or not finite
 */
export function loadWeights(
  engine: Engine,
  parameters: readonly NamedTensor[],
  path: string,
  format: FileFormat = plainFormat(parameters.map(({ name }) => name)),
  asStart = false,
): LoadedParts {
  using reader = openSafetensors(path);
  const names = namesByKey(reader, format);
  const unused = unexpected(names, format);
  const refused = unused.find((key) => !(asStart && format.head.test(key)));
  if (refused !== undefined) {
    throw new CheckpointError(
      `${reader.path}: unexpected tensor "${names.get(refused)}"`,
      'the weights belong to another configuration',
    );
  }
  const byName = new Map(parameters.map((parameter) => [parameter.name, parameter.tensor]));
  const missing: string[] = [];
  for (const entry of format.tensors) {
    const key = format.key(entry.name);
    const name = names.get(key);
    if (name === undefined && asStart && format.head.test(key)) {
      missing.push(entry.name);
      continue;
    }
    const parts = entry.parts.map((part) => byName.get(part)).filter((part) => part !== undefined);
    const shape = fileShape(
      entry,
      parts.map((part) => part.shape),
    );
    if (parts[0].dtype === 'u8') {
      engine.write(parts[0], readCodes(reader, entry.name, shape));
      continue;
    }
    const values = reader.read(name ?? entry.name, shape);
    refuseNotFinite(values, reader.path, entry.name);
    const rows = entry.transposed ? transpose(values, parts[0].shape[1]) : values;
    let start = 0;
    for (const part of parts) {
      const length = part.shape.reduce((product, extent) => product * extent, 1);
      engine.write(part, rows.subarray(start, start + length));
      start += length;
    }
  }
  return { missing, unused: unused.map((key) => names.get(key) ?? key) };
}

/** Codes of quantised states, which are bytes as they lie in the file. */
function readCodes(reader: TensorReader, name: string, shape: readonly number[]): Uint8Array {
  const info = reader.tensors.get(name);
  if (info && (info.dtype !== 'U8' || info.shape.join() !== shape.join())) {
    throw new CheckpointError(`${reader.path}: ${name}: expected U8 [${shape}], found ${info.dtype} [${info.shape}]`);
  }
  return reader.readBytes(name);
}

/** Writes a model's parameters to `model.safetensors` in the directory, replacing an earlier file only when complete. */
export async function saveWeights(
  engine: Engine,
  parameters: readonly NamedTensor[],
  directory: string,
  format: FileFormat = plainFormat(parameters.map(({ name }) => name)),
): Promise<void> {
  await writeSafetensors(join(directory, weightsFile), weightEntries(engine, parameters, format));
}

/** The tensors of a file that holds these weights; values are read when their turn comes. */
export function weightEntries(
  engine: Engine,
  parameters: readonly NamedTensor[],
  format: FileFormat,
): readonly TensorEntry[] {
  const byName = new Map(parameters.map((parameter) => [parameter.name, parameter.tensor]));
  return format.tensors.map((entry) => {
    const parts = entry.parts.map((part) => byName.get(part)).filter((part) => part !== undefined);
    const shape = fileShape(
      entry,
      parts.map((part) => part.shape),
    );
    if (parts[0].dtype === 'u8') return tensorEntry(engine, { name: entry.name, tensor: parts[0] });
    return floatEntry(entry.name, shape, parts[0].dtype, async () => {
      const values = await Promise.all(parts.map(async (part) => Float32Array.from(await engine.read(part))));
      const whole = values.length === 1 ? values[0] : concatenate(values);
      return entry.transposed ? transpose(whole, shape[1]) : whole;
    });
  });
}

/** A tensor for a file, in the type that it is stored in: what is read back has the same bits. */
export function tensorEntry(engine: Engine, { name, tensor }: NamedTensor): TensorEntry {
  return tensor.dtype === 'u8'
    ? { name, shape: tensor.shape, dtype: 'U8', data: async () => Uint8Array.from(await engine.read(tensor)) }
    : floatEntry(name, tensor.shape, tensor.dtype, async () => Float32Array.from(await engine.read(tensor)));
}

function floatEntry(
  name: string,
  shape: readonly number[],
  dtype: DType,
  data: () => Promise<Float32Array<ArrayBuffer>>,
): TensorEntry {
  return { name, shape, dtype: dtype === 'bf16' ? 'BF16' : 'F32', data };
}

/** Shape of a tensor in a file, from the shapes of the weights it is made of. */
export function fileShape({ transposed }: FileTensor, parts: readonly (readonly number[])[]): readonly number[] {
  const rows = parts.reduce((sum, [extent]) => sum + extent, 0);
  const [, ...rest] = parts[0];
  return transposed ? [...rest, rows] : [rows, ...rest];
}

/** Names of a file's tensors, by the format's keys. */
export function namesByKey(reader: TensorReader, format: FileFormat): ReadonlyMap<string, string> {
  return new Map([...reader.tensors.keys()].map((name) => [format.key(name), name]));
}

/** Keys in a file that a model has no use for. */
function unexpected(names: ReadonlyMap<string, string>, format: FileFormat): readonly string[] {
  const expected = new Set(format.tensors.map(({ name }) => format.key(name)));
  return [...names.keys()].filter((key) => !expected.has(key) && !format.derived.test(key));
}

function refuseNotFinite(values: Float32Array, path: string, name: string): void {
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad < 0) return;
  throw new CheckpointError(
    `${path}: ${name}: element ${bad} is ${values[bad]}`,
    'the weights are damaged; use an earlier checkpoint',
  );
}

/** [rows, columns] from [columns, rows], row-major. */
function transpose(values: Float32Array, columns: number): Float32Array<ArrayBuffer> {
  const rows = values.length / columns;
  const out = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) out[row * columns + column] = values[column * rows + row];
  }
  return out;
}

function concatenate(parts: readonly Float32Array[]): Float32Array<ArrayBuffer> {
  const out = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let start = 0;
  for (const part of parts) {
    out.set(part, start);
    start += part.length;
  }
  return out;
}

import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { CheckpointError } from './checkpoint-error.js';
import { SafetensorsFile, type TensorReader } from './safetensors.js';
import type { TensorInfo } from './safetensors-format.js';

const indexSchema = z.object({ weight_map: z.record(z.string(), z.string()) });

/**
 * Opens a model's weights: a `.safetensors` file, an index file, or a directory that holds `model.safetensors` or
 * `model.safetensors.index.json`.
 *
 * @throws CheckpointError if there are none, or a file is missing, truncated or inconsistent
 */
export function openSafetensors(path: string): TensorReader {
  if (path.endsWith('.index.json')) return ShardedSafetensors.open(path);
  if (!existsSync(path) || !statSync(path).isDirectory()) return SafetensorsFile.open(path);
  const single = join(path, 'model.safetensors');
  if (existsSync(single)) return SafetensorsFile.open(single);
  const index = join(path, 'model.safetensors.index.json');
  if (existsSync(index)) return ShardedSafetensors.open(index);
  throw new CheckpointError(
    `${path}: holds neither model.safetensors nor model.safetensors.index.json`,
    'give a directory in the layout of Hugging Face; PyTorch .bin files are not read',
  );
}

/** Several safetensors files under one index (`weight_map`: tensor name to file name). */
export class ShardedSafetensors implements TensorReader {
  private constructor(
    readonly path: string,
    private readonly fileOf: ReadonlyMap<string, SafetensorsFile>,
    private readonly files: readonly SafetensorsFile[],
    readonly metadata: Readonly<Record<string, string>>,
  ) {}

  /** @throws CheckpointError if the index or a shard is missing or inconsistent, or a shard lacks a tensor */
  static open(indexPath: string): ShardedSafetensors {
    const weightMap = readIndex(indexPath);
    const files = new Map<string, SafetensorsFile>();
    try {
      const fileOf = new Map<string, SafetensorsFile>();
      for (const [name, shard] of Object.entries(weightMap)) {
        // The index is foreign input: a name with directories in it could point anywhere.
        if (shard !== basename(shard))
          throw new CheckpointError(`${indexPath}: ${name}: "${shard}" is not a file name`);
        const file = files.get(shard) ?? SafetensorsFile.open(join(dirname(indexPath), shard));
        files.set(shard, file);
        if (!file.tensors.has(name)) {
          throw new CheckpointError(`${file.path}: no tensor named ${name}, though ${basename(indexPath)} says so`);
        }
        fileOf.set(name, file);
      }
      const metadata = Object.fromEntries([...files.values()].flatMap((file) => Object.entries(file.metadata)));
      return new ShardedSafetensors(indexPath, fileOf, [...files.values()], metadata);
    } catch (error) {
      for (const file of files.values()) file.close();
      throw error;
    }
  }

  get tensors(): ReadonlyMap<string, TensorInfo> {
    const all = new Map<string, TensorInfo>();
    for (const [name, file] of this.fileOf) {
      const info = file.tensors.get(name);
      if (info !== undefined) all.set(name, info);
    }
    return all;
  }

  read(name: string, shape?: readonly number[]): Float32Array<ArrayBuffer> {
    return this.find(name).read(name, shape);
  }

  readBytes(name: string): Uint8Array<ArrayBuffer> {
    return this.find(name).readBytes(name);
  }

  close(): void {
    for (const file of this.files) file.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  private find(name: string): SafetensorsFile {
    const file = this.fileOf.get(name);
    if (file === undefined) throw new CheckpointError(`${this.path}: no tensor named ${name}`);
    return file;
  }
}

function readIndex(path: string): Record<string, string> {
  try {
    return indexSchema.parse(JSON.parse(readFileSync(path, 'utf8'))).weight_map;
  } catch (error) {
    throw new CheckpointError(`${path}: not an index of safetensors files (no "weight_map")`, undefined, error);
  }
}

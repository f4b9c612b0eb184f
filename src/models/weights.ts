import { join } from 'node:path';
import type { Engine } from '../engine/index.js';
import type { Parameter } from '../tape/index.js';
import { CheckpointError } from './checkpoint-error.js';
import type { TensorReader } from './safetensors.js';
import { openSafetensors } from './safetensors-shards.js';
import { type TensorEntry, writeSafetensors } from './write-safetensors.js';

/** File of a model directory that holds the weights. */
export const weightsFile = 'model.safetensors';

/** Tensors that some files hold beside the weights and that are computed here instead. */
const derived = /(rotary_emb\.inv_freq|position_ids|masked_bias)$/;

/** A tensor and its name in files. */
type NamedTensor = Pick<Parameter, 'name' | 'tensor'>;

/**
 * Fills a model's parameters (or an optimizer's moments) from a directory in Hugging Face's layout, or one safetensors file.
 *
 * @throws CheckpointError if a weight is missing, unexpected, of another shape, or not finite
 */
export function loadWeights(engine: Engine, parameters: readonly NamedTensor[], path: string): void {
  using reader = openSafetensors(path);
  refuseUnexpected(parameters, reader);
  for (const { name, tensor } of parameters) {
    const values = tensor.dtype === 'u8' ? readCodes(reader, name, tensor.shape) : reader.read(name, tensor.shape);
    const bad = values.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) {
      throw new CheckpointError(
        `${reader.path}: ${name}: element ${bad} is ${values[bad]}`,
        'the weights are damaged; use an earlier checkpoint',
      );
    }
    engine.write(tensor, values);
  }
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
export async function saveWeights(engine: Engine, parameters: readonly Parameter[], directory: string): Promise<void> {
  await writeSafetensors(
    join(directory, weightsFile),
    parameters.map((parameter) => tensorEntry(engine, parameter)),
  );
}

/** A tensor for a file, in the type that it is stored in: what is read back has the same bits. */
export function tensorEntry(engine: Engine, { name, tensor }: NamedTensor): TensorEntry {
  return {
    name,
    shape: tensor.shape,
    ...(tensor.dtype === 'u8'
      ? { dtype: 'U8', data: async () => Uint8Array.from(await engine.read(tensor)) }
      : {
          dtype: tensor.dtype === 'bf16' ? 'BF16' : 'F32',
          data: async () => Float32Array.from(await engine.read(tensor)),
        }),
  };
}

function refuseUnexpected(parameters: readonly NamedTensor[], reader: TensorReader): void {
  const expected = new Set(parameters.map(({ name }) => name));
  for (const name of reader.tensors.keys()) {
    if (expected.has(name) || derived.test(name)) continue;
    // A tied model may be stored with its head written out once more.
    if (name === 'lm_head.weight' && expected.has('model.embed_tokens.weight')) continue;
    throw new CheckpointError(
      `${reader.path}: unexpected tensor "${name}"`,
      'the weights belong to another configuration',
    );
  }
}

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { hasTokenizer, type Tokenizer } from '../../data/index.js';
import { InputError, openEngine } from '../../engine/index.js';
import {
  adapterConfigFile,
  baseDirectory,
  createModel,
  fileShape,
  isAdapterDirectory,
  Llama2cCheckpoint,
  loadModelWeights,
  type ModelConfig,
  modelFiles,
  modelShapes,
  namesByKey,
  openModelSource,
  openSafetensors,
  parseLlamaConfig,
  readAdapterConfig,
  type TensorEntry,
  type TensorReader,
  toHuggingFaceConfig,
  weightEntries,
  weightsFile,
  writeSafetensors,
} from '../../models/index.js';
import { formatBytes } from '../../report/index.js';
import type { ConvertValues } from '../command-options.js';
import { chooseTrainedModel } from '../model-choice.js';
import type { Output } from '../output.js';
import { threadsOf } from '../threads.js';
import { chooseTokenizer, requireFittingTokenizer } from '../tokenizer-choice.js';
import { makeDirectory, writeModelConfig } from '../training/run-directory.js';

/** A checkpoint of any format, in the terms of Hugging Face's. */
interface ForeignModel extends Disposable {
  readonly config: object;
  readonly vocabSize: number;
  readonly tensors: readonly TensorEntry[];
  readonly tokenizer: Tokenizer | undefined;
}

/** `compact convert`. */
export async function convert(values: ConvertValues, output: Output, [path]: readonly string[]): Promise<undefined> {
  const { out } = values;
  if (existsSync(join(out, weightsFile))) {
    throw new InputError(`${out}: holds a model already`, 'name another directory with --out');
  }
  using model = await openForeign[values.from](path, values);
  if (model.tokenizer) requireFittingTokenizer(model.tokenizer, model.vocabSize, false);
  else output.note(`${out}: will have no tokenizer; add --tokenizer to have one`);
  await makeDirectory(out);
  const bytes = await writeSafetensors(join(out, weightsFile), model.tensors);
  await writeModelConfig(out, model.config);
  await model.tokenizer?.save(out);
  output.say(`${out}: ${model.tensors.length} tensors, ${formatBytes(bytes)}`);
  output.result({ out, tensors: model.tensors.length, bytes, tokenizer: model.tokenizer !== undefined });
  return undefined;
}

const openForeign = { llama2c: openLlama2c, hf: openHuggingFace, peft: openAdapter } as const;

async function openLlama2c(path: string, { tokenizer }: ConvertValues): Promise<ForeignModel> {
  const checkpoint = Llama2cCheckpoint.open(path);
  return {
    config: checkpoint.config,
    vocabSize: parseLlamaConfig(checkpoint.config, path).vocabSize,
    tensors: checkpoint.tensors,
    tokenizer: await chooseTokenizer(tokenizer, undefined),
    [Symbol.dispose]: () => checkpoint.close(),
  };
}

/** One file of f32 from shards or other types, with names and shapes checked. */
async function openHuggingFace(path: string, { tokenizer }: ConvertValues): Promise<ForeignModel> {
  const { config, directory } = chooseTrainedModel(path);
  const reader = openSafetensors(directory);
  return {
    config: toHuggingFaceConfig(config),
    vocabSize: config.vocabSize,
    tensors: tensorsOf(reader, config),
    tokenizer: await chooseTokenizer(tokenizer, directory),
    [Symbol.dispose]: () => reader.close(),
  };
}

/** W + (α/r)·B·A in the place of W. */
async function openAdapter(path: string, { tokenizer, engine, threads }: ConvertValues): Promise<ForeignModel> {
  if (!isAdapterDirectory(path)) {
    throw new InputError(`${path}: holds no ${adapterConfigFile}`, 'name the directory of a LoRA adapter');
  }
  const base = baseDirectory(path, readAdapterConfig(path));
  const { config } = openModelSource(base);
  const loaded = await openEngine(engine, { threads: threadsOf({ threads }) });
  try {
    const model = createModel(loaded, config, 1);
    await loadModelWeights(loaded, model, path);
    return {
      config: toHuggingFaceConfig(config),
      vocabSize: config.vocabSize,
      tensors: weightEntries(loaded, model.parameters, model.files),
      tokenizer: await chooseTokenizer(tokenizer, hasTokenizer(path) ? path : base),
      [Symbol.dispose]: () => loaded.dispose(),
    };
  } catch (error) {
    loaded.dispose();
    throw error;
  }
}

/** All tensors of a model under our names for them; refuses a file that lacks one. */
function tensorsOf(reader: TensorReader, config: ModelConfig): readonly TensorEntry[] {
  const format = modelFiles(config);
  const names = namesByKey(reader, format);
  const shapes = modelShapes(config);
  return format.tensors.map((entry) => {
    const parts = entry.parts.map((part) => shapes.get(part)).filter((part) => part !== undefined);
    const shape = fileShape(entry, parts);
    const stored = names.get(format.key(entry.name)) ?? entry.name;
    return { name: entry.name, shape, dtype: 'F32' as const, data: () => reader.read(stored, shape) };
  });
}

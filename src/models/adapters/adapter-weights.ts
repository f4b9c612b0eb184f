import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Engine } from '../../engine/index.js';
import type { LowRankAdapter, Parameter } from '../../tape/index.js';
import { CheckpointError } from '../checkpoint-error.js';
import { openSafetensors } from '../safetensors-shards.js';
import type { TrainableModel } from '../trainable-model.js';
import { loadWeights } from '../weights.js';
import { writeSafetensors } from '../write-safetensors.js';
import { AdaptedModel, fileNameOf } from './adapted-model.js';
import {
  type AdapterConfig,
  adapterWeightsFile,
  baseDirectory,
  isAdapterDirectory,
  readAdapterConfig,
} from './adapter-config.js';

/** PEFT's name of an adapter's weight, or of one that was trained with it: its adapters are a model around the model. */
function peftName({ files }: AdaptedModel, name: string): string {
  const [, module, factor = ''] = /^(.*?)(\.lora_[AB])?\.weight$/.exec(name) ?? [];
  const inFiles = module === undefined ? fileNameOf(files, name) : fileNameOf(files, `${module}.weight`);
  return `base_model.model.${(inFiles ?? name).replace(/\.weight$/, `${factor}.weight`)}`;
}

/** Key of the base's fingerprint in the file's metadata. */
const baseKey = 'base_fingerprint';

/** Values of each tensor that the fingerprint of a model looks at. */
const sampledValues = 64;

/** A short name for a model's weights: shapes and samples of all of them. */
export async function weightsFingerprint(engine: Engine, parameters: readonly Parameter[]): Promise<string> {
  const hash = createHash('sha256');
  for (const { name, tensor } of parameters) {
    hash.update(JSON.stringify([name, tensor.shape]));
    const values = Float32Array.from(await engine.read(tensor));
    const stride = Math.max(1, Math.floor(values.length / sampledValues));
    hash.update(values.filter((_, index) => index % stride === 0));
  }
  return hash.digest('hex').slice(0, 32);
}

/** What an adapter's file holds: A and B, and those of the base's weights that were trained as a whole. */
export function adapterParameters(model: AdaptedModel): readonly Parameter[] {
  return [...model.base.parameters.filter(({ trainable }) => trainable), ...model.adapters];
}

/**
 * Writes `adapter_model.safetensors` under PEFT's names.
 *
 * @param base fingerprint of the frozen weights that it belongs to
 */
export async function saveAdapter(engine: Engine, model: AdaptedModel, directory: string, base: string): Promise<void> {
  await writeSafetensors(
    join(directory, adapterWeightsFile),
    adapterParameters(model).map(({ name, tensor }) => ({
      name: peftName(model, name),
      dtype: 'F32' as const,
      shape: tensor.shape,
      data: async () => Float32Array.from(await engine.read(tensor)),
    })),
    { format: 'pt', [baseKey]: base },
  );
}

/**
 * Fills A and B, and the base's weights that were trained with them, from an adapter's file.
 *
 * @param base fingerprint of the frozen weights that the adapter is to be used with
 * @throws CheckpointError if a tensor is missing, unexpected or of another shape, or the adapter belongs to another base
 */
export function loadAdapter(engine: Engine, model: AdaptedModel, directory: string, base: string): void {
  const path = join(directory, adapterWeightsFile);
  refuseOtherBase(path, base);
  const named = adapterParameters(model).map(({ name, tensor }) => ({ name: peftName(model, name), tensor }));
  loadWeights(engine, named, path);
}

function refuseOtherBase(path: string, base: string): void {
  using reader = openSafetensors(path);
  const trainedOn = reader.metadata[baseKey];
  if (trainedOn === undefined || trainedOn === base) return;
  throw new CheckpointError(
    `${path}: the adapter was trained on other weights than these`,
    'use the very model that it was trained on as its base',
  );
}

/** The weights that stay as they are while the adapter is trained. */
export function frozenWeights({ base }: AdaptedModel): readonly Parameter[] {
  return base.parameters.filter(({ trainable }) => !trainable);
}

/**
 * Fills a model from a directory: its own weights, or its base's with an adapter merged into them, W + (α/r)·B·A.
 *
 * @param asStart as {@link loadWeights}: heads may be missing or left over
 * @throws CheckpointError as {@link loadWeights} and {@link loadAdapter}
 */
export async function loadModelWeights(
  engine: Engine,
  model: TrainableModel,
  directory: string,
  asStart = false,
): Promise<void> {
  if (!isAdapterDirectory(directory)) {
    loadWeights(engine, model.parameters, directory, model.files, asStart);
    return;
  }
  const config = readAdapterConfig(directory);
  await loadModelWeights(engine, model, baseDirectory(directory, config), true);
  const before = model.parameters.map(({ trainable, adapter }) => ({ trainable, adapter }));
  const adapted = new AdaptedModel(engine, model, config);
  for (const parameter of model.parameters) {
    parameter.trainable = config.modulesToSave.some((module) => inModule(peftName(adapted, parameter.name), module));
  }
  try {
    loadAdapter(engine, adapted, directory, await weightsFingerprint(engine, frozenWeights(adapted)));
    for (const weight of model.parameters) if (weight.adapter) merge(engine, weight, weight.adapter);
  } finally {
    for (const [index, parameter] of model.parameters.entries()) Object.assign(parameter, before[index]);
    for (const { tensor } of adapted.adapters) engine.release(tensor);
  }
}

/** W ← W + c·B·A; B is left scaled. */
function merge(engine: Engine, weight: Parameter, { down, up, scale }: LowRankAdapter): void {
  engine.run('scale', { x: up.tensor, factor: scale });
  engine.run('gemm', { a: up.tensor, b: down.tensor, out: weight.tensor, accumulate: true });
}

/** Whether a weight belongs to a module that is named by its last parts. */
function inModule(name: string, module: string): boolean {
  return `.${name}`.includes(`.${module}.`);
}

/** What a model's adapter is described by in PEFT's terms: modules by their names in files. */
export function describeAdapter(model: AdaptedModel): Pick<AdapterConfig, 'targetModules' | 'modulesToSave'> {
  const { base, files } = model;
  const moduleOf = ({ name }: Parameter) => (fileNameOf(files, name) ?? name).replace(/\.(weight|bias)$/, '');
  const targets = base.parameters.filter(({ adapter }) => adapter).map(moduleOf);
  const others = base.parameters.filter(({ adapter }) => !adapter).map(moduleOf);
  const lastParts = new Set(targets.map((module) => module.split('.').at(-1) ?? module));
  // Short names where they mean these layers and no others.
  const clear = [...lastParts].every((part) => !others.some((module) => `.${module}`.endsWith(`.${part}`)));
  const trained = base.parameters.filter(({ trainable }) => trainable).map(moduleOf);
  const modules = trained.map((module) => /(^|\.)(classifier|score|pooler)(\.|$)/.exec(module)?.[2] ?? module);
  return { targetModules: clear ? [...lastParts] : targets, modulesToSave: [...new Set(modules)] };
}

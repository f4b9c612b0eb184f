import { existsSync, readFileSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { z } from 'zod';
import { InputError } from '../../engine/index.js';
import { replaceFileWith } from '../save-file.js';
import type { AdapterShape } from './adapted-model.js';

/** PEFT's files of an adapter. */
export const adapterConfigFile = 'adapter_config.json';
export const adapterWeightsFile = 'adapter_model.safetensors';

/** What PEFT writes about an adapter. */
export interface AdapterConfig extends AdapterShape {
  /** Directory of the model that it belongs to, as it was named. */
  readonly base: string;
  /** Modules of the base that were trained as a whole, such as `classifier`. */
  readonly modulesToSave: readonly string[];
  readonly taskType: 'CAUSAL_LM' | 'SEQ_CLS' | 'FEATURE_EXTRACTION';
}

const off = (name: string) => z.literal(false, { error: `${name} is not supported` }).nullish();
const none = (name: string) => z.record(z.string(), z.never(), { error: `${name} is not supported` }).nullish();

const schema = z.looseObject({
  peft_type: z.literal('LORA'),
  base_model_name_or_path: z.string().min(1),
  r: z.int().positive(),
  lora_alpha: z.number().positive(),
  target_modules: z.union([z.string(), z.array(z.string()).min(1)]),
  modules_to_save: z.array(z.string()).nullish(),
  task_type: z.string().nullish(),
  bias: z.literal('none').default('none'),
  use_dora: off('use_dora'),
  fan_in_fan_out: off('fan_in_fan_out'),
  rank_pattern: none('rank_pattern'),
  alpha_pattern: none('alpha_pattern'),
  use_rslora: z.boolean().default(false),
});

/** Whether a directory holds an adapter instead of a model's own weights. */
export function isAdapterDirectory(directory: string): boolean {
  return existsSync(join(directory, adapterConfigFile));
}

/** @throws InputError if there is none, or it is of a kind that cannot be used */
export function readAdapterConfig(directory: string): AdapterConfig {
  const path = join(directory, adapterConfigFile);
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new InputError(`${path}: not a readable adapter: ${error instanceof Error ? error.message : String(error)}`);
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new InputError(
      `${path}: ${issue?.path.join('.') || 'adapter'}: ${issue?.message ?? 'invalid'}`,
      'supported are LoRA adapters of linear layers without biases',
    );
  }
  const { data } = parsed;
  return {
    rank: data.r,
    // rank-stabilised LoRA multiplies by α/√r instead of α/r.
    alpha: data.use_rslora ? data.lora_alpha * Math.sqrt(data.r) : data.lora_alpha,
    targetModules: typeof data.target_modules === 'string' ? [data.target_modules] : data.target_modules,
    base: data.base_model_name_or_path,
    modulesToSave: data.modules_to_save ?? [],
    taskType: data.task_type === 'SEQ_CLS' || data.task_type === 'CAUSAL_LM' ? data.task_type : 'FEATURE_EXTRACTION',
  };
}

/** Writes `adapter_config.json` as PEFT reads it. */
export async function writeAdapterConfig(directory: string, config: AdapterConfig): Promise<void> {
  const [only] = config.targetModules;
  const document = {
    peft_type: 'LORA',
    task_type: config.taskType,
    base_model_name_or_path: config.base,
    r: config.rank,
    lora_alpha: config.alpha,
    lora_dropout: 0,
    target_modules: only === 'all-linear' ? only : config.targetModules,
    modules_to_save: config.modulesToSave.length > 0 ? config.modulesToSave : null,
    bias: 'none',
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
  };
  await replaceFileWith(join(directory, adapterConfigFile), `${JSON.stringify(document, null, 2)}\n`);
}

/** @throws InputError if the base is not where the adapter says */
export function baseDirectory(directory: string, { base }: AdapterConfig): string {
  const places = isAbsolute(base) ? [base] : [resolve(base), resolve(directory, base)];
  const found = places.find((place) => existsSync(join(place, 'config.json')));
  if (found !== undefined) return found;
  throw new InputError(
    `${directory}: the adapter belongs to the model "${base}", which is not here`,
    `put that model there, or correct base_model_name_or_path in ${adapterConfigFile}`,
  );
}

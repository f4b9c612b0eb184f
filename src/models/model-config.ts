import { z } from 'zod';
import { type FloatType, InputError } from '../engine/index.js';
import { type EncoderConfig, encoderPositions, parseEncoderConfig, toEncoderJson } from './encoder-config.js';
import { type Gpt2Config, parseGpt2Config, toGpt2Json } from './gpt2-config.js';
import { type LlamaConfig, parseLlamaConfig, toLlamaJson } from './llama-config.js';

/** Configuration of any model; `modelType` is Hugging Face's `model_type`. */
export type ModelConfig = LlamaConfig | EncoderConfig | Gpt2Config;

/** Configuration of a model that continues text. */
export type CausalConfig = LlamaConfig | Gpt2Config;

const parsers: { readonly [T in ModelConfig['modelType']]: (json: unknown, where: string) => ModelConfig } = {
  llama: parseLlamaConfig,
  gpt2: parseGpt2Config,
  bert: parseEncoderConfig,
  roberta: parseEncoderConfig,
};

const typed = z.object({ model_type: z.string() });

/**
 * Reads a Hugging Face `config.json` of any model that this package can run.
 *
 * @param where file name for messages
 * @throws InputError if it is none
 */
export function parseModelConfig(json: unknown, where: string): ModelConfig {
  const found = typed.safeParse(json);
  const names = Object.keys(parsers).join(', ');
  if (!found.success) throw new InputError(`${where}: model_type: missing`, `supported: ${names}`);
  const { model_type: name } = found.data;
  if (!Object.hasOwn(parsers, name)) throw new InputError(`${where}: model_type "${name}"`, `supported: ${names}`);
  return parsers[name as ModelConfig['modelType']](json, where);
}

/**
 * The `config.json` that Hugging Face's libraries read.
 *
 * @param dtype what the weights beside it are stored in
 */
export function toHuggingFaceConfig(config: ModelConfig, dtype: FloatType = 'f32'): Record<string, unknown> {
  return { ...toJson(config), torch_dtype: dtype === 'bf16' ? 'bfloat16' : 'float32' };
}

function toJson(config: ModelConfig): Record<string, unknown> {
  if (isEncoder(config)) return toEncoderJson(config);
  return config.modelType === 'gpt2' ? toGpt2Json(config) : toLlamaJson(config);
}

/** The most tokens a sequence may have. */
export function longestSequence(config: ModelConfig): number {
  return isEncoder(config) ? encoderPositions(config) : config.maxPositionEmbeddings;
}

/** Whether the model reads whole sequences, as opposed to continuing them. */
export function isEncoder(config: ModelConfig): config is EncoderConfig {
  return config.modelType === 'bert' || config.modelType === 'roberta';
}

import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { InputError } from '../engine/index.js';
import { type ModelConfig, parseModelConfig } from './model-config.js';
import { isPreset, presets } from './presets.js';

/** What `--model` names. */
export interface ModelSource {
  readonly config: ModelConfig;
  /** Directory that holds weights (and perhaps a tokenizer); undefined for presets and bare configurations. */
  readonly directory: string | undefined;
}

/**
 * Resolves a preset name, a `config.json`, or a directory in Hugging Face's layout.
 *
 * @throws InputError if it is none of these or the configuration cannot be used
 */
export function openModelSource(name: string): ModelSource {
  if (isPreset(name)) return { config: presets[name], directory: undefined };
  if (!existsSync(name)) {
    throw new InputError(
      `unknown model "${name}"`,
      `a preset (${Object.keys(presets).join(', ')}), a config.json, a directory, or hf:owner/name`,
    );
  }
  if (!statSync(name).isDirectory()) return { config: readConfig(name), directory: undefined };
  const path = join(name, 'config.json');
  if (!existsSync(path)) throw new InputError(`${name}: holds no config.json`);
  return { config: readConfig(path), directory: name };
}

function readConfig(path: string): ModelConfig {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new InputError(`${path}: not valid JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  return parseModelConfig(json, path);
}

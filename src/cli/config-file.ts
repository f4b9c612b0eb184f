import { readFile } from 'node:fs/promises';
import { InputError } from '../engine/errors.js';

/** Options from a JSON or YAML file; an empty object where no file is named. */
export async function readConfigFile(path: unknown): Promise<Readonly<Record<string, unknown>>> {
  if (typeof path !== 'string') return {};
  const { parse } = await import('yaml');
  let document: unknown;
  try {
    // JSON is YAML.
    document = parse(await readFile(path, 'utf8'));
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n')[0] : String(error);
    throw new InputError(`${path}: cannot be read as a config file: ${reason}`);
  }
  if (document === null || typeof document !== 'object' || Array.isArray(document)) {
    throw new InputError(`${path}: expected option names with values`);
  }
  return { ...document };
}

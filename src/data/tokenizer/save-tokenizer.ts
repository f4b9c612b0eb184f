import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { replaceFileWith } from '../../models/save-file.js';
import type { SpecialIds } from './special-ids.js';
import type { TokenizerConfig, TokenizerJson } from './tokenizer-json.js';

/**
 * Writes `tokenizer.json` and `tokenizer_config.json`.
 *
 * @param config what was read from such a file; the names of BOS and end-of-text are filled in
 * @throws SaveError
 */
export async function saveTokenizerFiles(
  directory: string,
  json: TokenizerJson,
  special: SpecialIds,
  config: TokenizerConfig = {},
): Promise<void> {
  const nameOf = (id: number | undefined) => json.added_tokens.find((token) => token.id === id)?.content ?? null;
  const complete = {
    tokenizer_class: 'PreTrainedTokenizerFast',
    clean_up_tokenization_spaces: false,
    ...config,
    bos_token: config.bos_token ?? nameOf(special.bosId),
    eos_token: config.eos_token ?? nameOf(special.eosId),
  };
  await replaceFileWith(join(directory, 'tokenizer.json'), `${JSON.stringify(json)}\n`);
  await replaceFileWith(join(directory, 'tokenizer_config.json'), `${JSON.stringify(complete, null, 2)}\n`);
}

/** Hash of what determines the ids of texts and documents. */
export function tokenizerFingerprint(json: TokenizerJson, special: SpecialIds): string {
  const { added_tokens, normalizer, pre_tokenizer, model } = json;
  const parts = [added_tokens, normalizer, pre_tokenizer, model, special.bosId ?? null, special.eosId ?? null];
  return createHash('sha256').update(JSON.stringify(parts, sortKeys)).digest('hex').slice(0, 32);
}

/** The order of keys carries no meaning, and writing and reading may change it. */
function sortKeys(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

import type { TokenizerConfig, TokenizerJson } from './tokenizer-json.js';

/** Ids of the tokens that mark a document's start and end. */
export interface SpecialIds {
  readonly bosId: number | undefined;
  readonly eosId: number | undefined;
}

/** Marks of the end of a text, in the order in which they are looked for when the configuration names none. */
const endMarks = ['<|endoftext|>', '</s>', '<|end_of_text|>', '<eos>'];
const startMarks = ['<s>', '<|begin_of_text|>', '<bos>'];

/**
 * Finds BOS and end-of-text: by `tokenizer_config.json` where it names them, else by their usual names among the added
 * tokens. A tokenizer whose BOS is its end-of-text token (GPT-2), or whose configuration says `add_bos_token: false`,
 * has no BOS: its models were trained without one.
 */
export function findSpecialIds(json: TokenizerJson, config: TokenizerConfig): SpecialIds {
  const ids = new Map(json.added_tokens.map((token) => [token.content, token.id]));
  const first = (names: readonly string[]) => names.map((name) => ids.get(name)).find((id) => id !== undefined);
  const named = (token: TokenizerConfig['bos_token'], usual: readonly string[]) => {
    if (token === null) return undefined;
    if (token === undefined) return first(usual);
    return first([typeof token === 'string' ? token : token.content]);
  };
  const eosId = named(config.eos_token, endMarks);
  const bosId = named(config.bos_token, startMarks);
  return { bosId: bosId === eosId || config.add_bos_token === false ? undefined : bosId, eosId };
}

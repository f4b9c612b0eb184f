import type { Tokenizer } from '../../data/index.js';
import type { LlamaConfig } from '../../models/index.js';

/** The configuration with the tokenizer's ids for begin and end of text, where it names none of its own. */
export function withSpecialTokens(config: LlamaConfig, tokenizer: Tokenizer | undefined): LlamaConfig {
  const bosTokenId = config.bosTokenId ?? tokenizer?.bosId;
  const eosTokenId = config.eosTokenId ?? tokenizer?.eosId;
  return {
    ...config,
    ...(bosTokenId !== undefined && { bosTokenId }),
    ...(eosTokenId !== undefined && { eosTokenId }),
  };
}

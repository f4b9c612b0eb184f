import type { Tokenizer } from '../../data/index.js';
import type { ModelConfig } from '../../models/index.js';

/** The configuration with the tokenizer's ids for begin and end of text, where it names none of its own. */
export function withSpecialTokens(config: ModelConfig, tokenizer: Tokenizer | undefined): ModelConfig {
  const bosTokenId = config.bosTokenId ?? tokenizer?.bosId;
  const eosTokenId = config.eosTokenId ?? tokenizer?.eosId;
  return {
    ...config,
    ...(bosTokenId !== undefined && { bosTokenId }),
    ...(eosTokenId !== undefined && { eosTokenId }),
  };
}

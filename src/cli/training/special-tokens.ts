import type { Tokenizer } from '../../data/index.js';
import { isEncoder, type ModelConfig } from '../../models/index.js';

/**
 * The configuration with the tokenizer's ids: for begin and end of text where it names none of its own, and for what fills an
 * encoder's rows.
 */
export function withSpecialTokens(config: ModelConfig, tokenizer: Tokenizer | undefined): ModelConfig {
  const bosTokenId = config.bosTokenId ?? tokenizer?.bosId;
  const eosTokenId = config.eosTokenId ?? tokenizer?.eosId;
  const padTokenId = tokenizer?.masking?.padId;
  return {
    ...config,
    ...(bosTokenId !== undefined && { bosTokenId }),
    ...(eosTokenId !== undefined && { eosTokenId }),
    ...(isEncoder(config) && padTokenId !== undefined && { padTokenId }),
  };
}

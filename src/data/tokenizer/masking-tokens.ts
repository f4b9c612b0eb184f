import type { TokenizerJson } from './tokenizer-json.js';

/** What masked language modelling needs of a tokenizer. */
export interface MaskingTokens {
  /** `<mask>` or `[MASK]`. */
  readonly maskId: number;
  /** `<pad>` or `[PAD]`; undefined where there is none. */
  readonly padId: number | undefined;
  /** Ids that are never masked, nor put in the place of another token. */
  readonly specialIds: ReadonlySet<number>;
}

/** The tokenizer's masking tokens; undefined where it has no token for a mask. */
export function findMaskingTokens({ added_tokens }: TokenizerJson): MaskingTokens | undefined {
  const idOf = (...names: string[]) => added_tokens.find(({ content }) => names.includes(content))?.id;
  const maskId = idOf('<mask>', '[MASK]');
  if (maskId === undefined) return undefined;
  const specialIds = new Set(added_tokens.filter(({ special }) => special).map(({ id }) => id));
  return { maskId, padId: idOf('<pad>', '[PAD]'), specialIds };
}

import type { TextPiece } from './document-splitter.js';
import type { Tokenizer } from './tokenizer/tokenizer.js';

/**
 * Ids of a piece of a document. A document has the tokenizer's BOS in front where it has one, else its end-of-text token
 * behind.
 */
export function encodePiece({ text, starts, ends }: TextPiece, tokenizer: Tokenizer): Int32Array {
  const { bosId, eosId } = tokenizer;
  const ids = tokenizer.encode(text, { continued: !starts });
  const before = starts && bosId !== undefined ? [bosId] : [];
  const after = ends && bosId === undefined && eosId !== undefined ? [eosId] : [];
  const all = new Int32Array(before.length + ids.length + after.length);
  all.set(before);
  all.set(ids, before.length);
  all.set(after, before.length + ids.length);
  return all;
}

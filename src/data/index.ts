/**
 * @module data
 * Text and token ids on their way to a model: tokenizers, corpora larger than memory, and batches that are a pure function
 * of their index.
 */
export { defaultCacheDirectory } from './cache-directory.js';
export { type ReadOptions, readDocuments, readPieces } from './corpus.js';
export { type CorpusFile, findCorpusFiles } from './corpus-files.js';
export { documentSeparator, type TextPiece } from './document-splitter.js';
export { type DocumentTokensOptions, documentTokens } from './documents.js';
export { loadTokenizerFor, type OpenTokensOptions, openTokens } from './load-corpus.js';
export {
  type MaskedBatch,
  MaskedWindows,
  type MaskingRecipe,
  maskingRecipe,
  predictedPerSequence,
  textLength,
} from './masked-windows.js';
export { type OnProgress, openTokenFile } from './open-token-file.js';
export * from './tasks/index.js';
export { cachedTokens, type TokenCacheOptions } from './token-cache.js';
export { type TokenDType, TokenFile, tokenBytes, tokenDType } from './token-file.js';
export { ConcatenatedTokens, requireVocabulary, type TokenSource, TokensInMemory } from './token-source.js';
export { ByteTokenizer } from './tokenizer/byte-tokenizer.js';
export { CharTokenizer, trainCharTokenizer } from './tokenizer/char-tokenizer.js';
export { hasTokenizer, loadTokenizer } from './tokenizer/load-tokenizer.js';
export type { MaskingTokens } from './tokenizer/masking-tokens.js';
export type { SequenceTemplate, TemplatePart } from './tokenizer/sequence-template.js';
export type { DecodeStream, EncodeOptions, Tokenizer } from './tokenizer/tokenizer.js';
export {
  minimumVocabSize,
  type TokenizerKind,
  type TrainTokenizerOptions,
  tokenizerKinds,
  trainTokenizer,
} from './train-tokenizer.js';
export { type Batch, splitWindows, Windows, type WindowsOptions } from './windows.js';

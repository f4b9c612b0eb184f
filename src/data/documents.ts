import { readPieces } from './corpus.js';
import type { CorpusFile } from './corpus-files.js';
import { encodePiece } from './encode-corpus.js';
import { IdBuffer } from './tokenizer/id-buffer.js';
import type { Tokenizer } from './tokenizer/tokenizer.js';

export interface DocumentTokensOptions {
  /** Most tokens the model can look back on. */
  readonly context: number;
  readonly maxDocuments?: number;
}

/**
 * Ids of each document by itself, for evaluation by document: encoded as in a corpus (BOS in front where the tokenizer has
 * one, else end-of-text behind) and cut to the first `context` + 1 tokens. A document of a single token predicts nothing
 * and is left out.
 *
 * @throws InputError if a file cannot be read
 */
export async function* documentTokens(
  files: readonly CorpusFile[],
  tokenizer: Tokenizer,
  options: DocumentTokensOptions,
): AsyncGenerator<Int32Array> {
  const maxDocuments = options.maxDocuments ?? Number.POSITIVE_INFINITY;
  const limit = options.context + 1;
  let documents = 0;
  let ids = new IdBuffer();
  // Short pieces, since of a long document only the beginning is encoded.
  for await (const piece of readPieces(files, { pieceLength: 2 ** 16 })) {
    if (documents >= maxDocuments) return;
    if (ids.length < limit) ids.append(encodePiece(piece, tokenizer));
    if (!piece.ends) continue;
    const document = ids.take().subarray(0, limit);
    ids = new IdBuffer();
    if (document.length < 2) continue;
    documents++;
    yield document;
  }
}

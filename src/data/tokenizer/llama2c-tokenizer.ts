import { InputError } from '../../engine/errors.js';
import { byteToken } from './bpe-recipe.js';
import type { Piece } from './pieces.js';

/** The first 259 entries, which llama2.c's export writes in a form for printing. */
const specialPieces: readonly Piece[] = [
  { text: '<unk>', score: 0, type: 'unknown' },
  { text: '<s>', score: 0, type: 'control' },
  { text: '</s>', score: 0, type: 'control' },
];

/**
 * Reads llama2.c's `tokenizer.bin`: int32 length of the longest token, then for each token float32 score, int32 length and
 * its bytes. It holds a SentencePiece vocabulary with plain spaces for "▁".
 *
 * @throws InputError if the file is truncated or lacks the tokens for single bytes
 */
export function readLlama2cTokenizer(bytes: Uint8Array, file: string): Piece[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  const pieces: Piece[] = [];
  let at = 4;
  while (at < bytes.byteLength) {
    const length = at + 8 <= bytes.byteLength ? view.getInt32(at + 4, true) : -1;
    const end = at + 8 + length;
    if (length < 0 || end > bytes.byteLength) {
      throw new InputError(
        `${file}: truncated or not a llama2.c tokenizer: token ${pieces.length} does not fit into ${bytes.byteLength} bytes`,
      );
    }
    const text = decoder.decode(bytes.subarray(at + 8, end));
    pieces.push(toPiece(text, view.getFloat32(at, true), pieces.length));
    at = end;
  }
  const hasBytes = pieces.slice(3, 259).every((piece, byte) => piece.text === byteToken(byte));
  if (pieces.length < 259 || !hasBytes) {
    throw new InputError(`${file}: not a llama2.c tokenizer: entries 3 to 258 are not the single bytes`);
  }
  return pieces;
}

function toPiece(text: string, score: number, id: number): Piece {
  if (id < specialPieces.length) return specialPieces[id];
  if (id < 259) return { text, score, type: 'byte' };
  return { text: text.replaceAll(' ', '▁'), score, type: 'normal' };
}

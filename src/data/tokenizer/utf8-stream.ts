import type { DecodeStream } from './tokenizer.js';

/** What a token adds to the text. */
export type TokenBytes = (id: number) => Uint8Array;

/** Bytes of U+FFFD, for ids that no vocabulary knows. */
export const unknownBytes: Uint8Array = new TextEncoder().encode('\uFFFD');

/**
 * Decoding for tokenizers whose tokens are bytes: holds back the beginning of a character until its last byte is there.
 *
 * @param dropLeadingSpace leave out one space at the start of the text (Llama's encoder put it there)
 */
export function byteDecodeStream(bytesOf: TokenBytes, dropLeadingSpace = false): DecodeStream {
  // ignoreBOM keeps a byte order mark in the text: tokens are the text, not a file.
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  let atStart = dropLeadingSpace;
  const trim = (text: string) => {
    if (!atStart || text === '') return text;
    atStart = false;
    return text.startsWith(' ') ? text.slice(1) : text;
  };
  return {
    push: (id) => trim(decoder.decode(bytesOf(id), { stream: true })),
    end: () => trim(decoder.decode()),
  };
}

/** All of a {@link DecodeStream}'s text. */
export function decodeAll(stream: DecodeStream, ids: Iterable<number>): string {
  const parts: string[] = [];
  for (const id of ids) parts.push(stream.push(id));
  parts.push(stream.end());
  return parts.join('');
}

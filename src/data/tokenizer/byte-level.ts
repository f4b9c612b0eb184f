/**
 * GPT-2's byte-level alphabet: each byte stands as one printable character, so that a vocabulary can be text. Bytes that
 * print as themselves keep their character, the others go to U+0100 and up.
 */

/** Character of each byte. */
export const byteSymbols: readonly string[] = makeByteSymbols();

/** Byte of each character of {@link byteSymbols}. */
const symbolBytes: ReadonlyMap<string, number> = new Map(byteSymbols.map((symbol, byte) => [symbol, byte]));

/** The bytes in the order that vocabularies list their characters. */
export const bytesBySymbol: readonly number[] = byteSymbols
  .map((_, byte) => byte)
  .sort((a, b) => (byteSymbols[a] < byteSymbols[b] ? -1 : 1));

/**
 * GPT-2's words. `\s` of the original is Unicode's White_Space there, while JavaScript's differs (U+0085, U+FEFF): hence
 * the property.
 */
export const gpt2Words =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

/** Bytes of a text in the alphabet, or undefined if a character is none of it. */
export function fromSymbols(text: string): Uint8Array | undefined {
  const bytes: number[] = [];
  for (const symbol of text) {
    const byte = symbolBytes.get(symbol);
    if (byte === undefined) return undefined;
    bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}

function makeByteSymbols(): string[] {
  const printable = (byte: number) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte !== 173);
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : next++));
}

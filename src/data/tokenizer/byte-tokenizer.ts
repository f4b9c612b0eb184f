import { byteSymbols } from './byte-level.js';
import { saveTokenizerFiles, tokenizerFingerprint } from './save-tokenizer.js';
import type { DecodeStream, Tokenizer } from './tokenizer.js';
import { bpeModel, specialToken, type TokenizerJson, tokenizerJson } from './tokenizer-json.js';
import { byteDecodeStream, decodeAll, unknownBytes } from './utf8-stream.js';

const special = { bosId: undefined, eosId: 256 };

/** The UTF-8 bytes themselves: ids 0 to 255, and 256 for end of text. */
export class ByteTokenizer implements Tokenizer {
  readonly vocabSize = 257;
  readonly bosId = special.bosId;
  readonly eosId = special.eosId;
  readonly template = undefined;
  readonly masking = undefined;
  readonly fingerprint = tokenizerFingerprint(byteTokenizerJson(), special);

  encode(text: string): Int32Array {
    return Int32Array.from(new TextEncoder().encode(text));
  }

  decode(ids: Iterable<number>): string {
    return decodeAll(this.decodeStream(), ids);
  }

  decodeStream(): DecodeStream {
    return byteDecodeStream((id) => {
      if (id === special.eosId) return new Uint8Array(0);
      return id >= 0 && id < 256 ? Uint8Array.of(id) : unknownBytes;
    });
  }

  async save(directory: string): Promise<void> {
    await saveTokenizerFiles(directory, byteTokenizerJson(), special);
  }
}

/** Byte-level pairs without a single merge: Hugging Face's libraries read it and give the bytes. */
function byteTokenizerJson(): TokenizerJson {
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false };
  const vocab = Object.fromEntries([...byteSymbols.entries()].map(([byte, symbol]) => [symbol, byte]));
  return tokenizerJson({
    addedTokens: [specialToken(special.eosId, '<|endoftext|>')],
    preTokenizer: byteLevel,
    decoder: byteLevel,
    model: bpeModel(vocab, []),
  });
}

/** Whether a tokenizer.json is one that {@link ByteTokenizer} wrote. */
export function isByteTokenizer(json: TokenizerJson): boolean {
  const [token] = json.added_tokens;
  return token?.id === special.eosId && tokenizerFingerprint(json, special) === new ByteTokenizer().fingerprint;
}

import { z } from 'zod';
import { InputError } from '../../engine/errors.js';
import { bpeModel, specialToken, type TokenizerJson, tokenizerJson } from './tokenizer-json.js';

/** The byte-level pre-tokenizer and decoder of GPT-2. */
export const gpt2ByteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };

/**
 * GPT-2's two files (`vocab.json` and `merges.txt`, or `encoder.json` and `vocab.bpe`) as a tokenizer.json.
 *
 * @param vocabulary parsed JSON, token to id
 * @param merges text, a pair per line, perhaps with a `#version` line on top
 * @throws InputError
 */
export function gpt2TokenizerJson(vocabulary: unknown, merges: string, file: string): TokenizerJson {
  const parsed = z.record(z.string(), z.int().nonnegative()).safeParse(vocabulary);
  if (!parsed.success) throw new InputError(`${file}: not a table of tokens and ids`);
  const vocab = parsed.data;
  const pairs = merges
    .split('\n')
    .filter((line, index) => line.trim() !== '' && !(index === 0 && line.startsWith('#version')))
    .map((line): [string, string] => {
      const [left, right] = line.trimEnd().split(' ');
      return [left, right];
    });
  const endOfText = vocab['<|endoftext|>'];
  return tokenizerJson({
    addedTokens: endOfText === undefined ? [] : [specialToken(endOfText, '<|endoftext|>')],
    preTokenizer: gpt2ByteLevel,
    decoder: gpt2ByteLevel,
    model: bpeModel(vocab, pairs),
  });
}

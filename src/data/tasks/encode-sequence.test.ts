import { describe, expect, it } from 'vitest';
import { InputError } from '../../engine/errors.js';
import { tokenizerFromJson } from '../tokenizer/load-tokenizer.js';
import { findSequenceTemplate } from '../tokenizer/sequence-template.js';
import { parseTokenizerJson, type TokenizerJson } from '../tokenizer/tokenizer-json.js';
import { keptLengths, SequenceEncoder } from './encode-sequence.js';

const words = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', 'a', 'b', 'c', 'd', 'e', '<s>', '</s>'];

function tokenizerJson(
  postProcessor: unknown,
  special: readonly string[] = ['[PAD]', '[CLS]', '[SEP]'],
): TokenizerJson {
  const vocab = Object.fromEntries(words.map((word, id) => [word, id]));
  const added = special.map((content) => ({ id: words.indexOf(content), content, special: true }));
  return parseTokenizerJson(
    {
      added_tokens: added,
      normalizer: { type: 'BertNormalizer', lowercase: true },
      pre_tokenizer: { type: 'BertPreTokenizer' },
      post_processor: postProcessor,
      model: { type: 'WordPiece', vocab, unk_token: '[UNK]', continuing_subword_prefix: '##' },
    },
    'tokenizer.json',
  );
}

function encoderFor(json: TokenizerJson, maxLength = 16, truncate = false): SequenceEncoder {
  return new SequenceEncoder(tokenizerFromJson(json, {}, 'tokenizer.json'), { maxLength, truncate });
}

const single = { text: 'A b', where: 'x:1' };
const pair = { text: 'a b', pair: 'c', where: 'x:1' };

describe('what stands around texts', () => {
  const templateProcessing = {
    type: 'TemplateProcessing',
    single: [
      { SpecialToken: { id: '[CLS]', type_id: 0 } },
      { Sequence: { id: 'A', type_id: 0 } },
      { SpecialToken: { id: '[SEP]', type_id: 0 } },
    ],
    pair: [
      { SpecialToken: { id: '[CLS]', type_id: 0 } },
      { Sequence: { id: 'A', type_id: 0 } },
      { SpecialToken: { id: '[SEP]', type_id: 0 } },
      { Sequence: { id: 'B', type_id: 1 } },
      { SpecialToken: { id: '[SEP]', type_id: 1 } },
    ],
    special_tokens: {
      '[CLS]': { id: '[CLS]', ids: [2], tokens: ['[CLS]'] },
      '[SEP]': { id: '[SEP]', ids: [3], tokens: ['[SEP]'] },
    },
  };

  it.each([
    ['a template', templateProcessing],
    ['BertProcessing', { type: 'BertProcessing', cls: ['[CLS]', 2], sep: ['[SEP]', 3] }],
    ['a sequence of processors', { type: 'Sequence', processors: [{ type: 'ByteLevel' }, templateProcessing] }],
    ['the names of the special tokens', null],
  ])('BERT, from %s', (_, processor) => {
    const encoder = encoderFor(tokenizerJson(processor));
    expect([...encoder.encode(single).ids]).toEqual([2, 4, 5, 3]);
    const { ids, typeIds } = encoder.encode(pair);
    expect([...ids]).toEqual([2, 4, 5, 3, 6, 3]);
    expect([...typeIds]).toEqual([0, 0, 0, 0, 1, 1]);
  });

  it.each([
    ['RobertaProcessing', { type: 'RobertaProcessing', cls: ['<s>', 9], sep: ['</s>', 10] }],
    ['the names of the special tokens', null],
  ])('RoBERTa, from %s', (_, processor) => {
    const encoder = encoderFor(tokenizerJson(processor, ['<s>', '</s>']));
    const { ids, typeIds } = encoder.encode(pair);
    expect([...ids]).toEqual([9, 4, 5, 10, 10, 6, 10]);
    expect(new Set(typeIds)).toEqual(new Set([0]));
  });

  it('a tokenizer without such tokens is refused', () => {
    expect(findSequenceTemplate(tokenizerJson(null, []))).toBeUndefined();
    expect(() => encoderFor(tokenizerJson(null, []))).toThrow(/does not say what stands around a text/);
  });
});

describe('too long a text', () => {
  const json = tokenizerJson(null);

  it('is refused with its length, or cut', () => {
    const long = { text: 'a b c d e', where: 'f.csv:7' };
    expect(() => encoderFor(json, 6).encode(long)).toThrow(InputError);
    expect(() => encoderFor(json, 6).encode(long)).toThrow('f.csv:7: the text has 7 tokens, the most is 6');
    expect([...encoderFor(json, 6, true).encode(long).ids]).toEqual([2, 4, 5, 6, 7, 3]);
  });

  it('of a pair is cut where it is longer', () => {
    const long = { text: 'a b c d e', pair: 'a b', where: 'f:1' };
    expect([...encoderFor(json, 8, true).encode(long).ids]).toEqual([2, 4, 5, 6, 3, 4, 5, 3]);
  });

  it('leaves room for a pair', () => {
    expect(() => encoderFor(json, 4)).toThrow(/leaves no room/);
  });

  it.each([
    [3, 4, 10, [3, 4]],
    [9, 2, 8, [6, 2]],
    [2, 9, 8, [2, 6]],
    [9, 8, 7, [4, 3]],
    [8, 9, 7, [3, 4]],
    [9, 9, 7, [3, 4]],
    [9, 0, 7, [7, 0]],
  ])('lengths %d and %d in %d become %j', (first, second, room, kept) => {
    expect(keptLengths(first, second, room)).toEqual(kept);
  });
});

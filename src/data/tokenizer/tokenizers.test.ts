import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { Tokenizer as JsLibrary } from '@huggingface/tokenizers';
import { beforeAll, describe, expect, it } from 'vitest';
import { noSharedData, onSharedData, sharedData } from '../../../tests/support/shared-data.js';
import { temporaryDirectory, writeTo } from '../../../tests/support/temporary-directory.js';
import { BpeTokenizer } from './bpe-tokenizer.js';
import { loadTokenizer } from './load-tokenizer.js';
import type { Tokenizer } from './tokenizer.js';

const directory = temporaryDirectory();

/** Texts at the edges of Unicode and of the splitting rules. */
const oddTexts = [
  '',
  ' ',
  'Hello world',
  ' lead and trail ',
  "don't I'LL 123456 x_y-z...!!!",
  '    indented\n      code\t\t\n\n\n',
  'héllo 😀🙂 é\u0301 \u0085x \uFEFFy \u00a0\u00a0z',
  '日本語のテキスト、空白なし'.repeat(20),
  '\u3000全角　space',
  'a'.repeat(1000),
  '👩‍👩‍👧‍👦🏳️‍🌈',
  '\u0000\u0001\u007f',
];

const stories = (): string[] =>
  gunzipSync(readFileSync(sharedData('corpora/tinystories-val.txt.gz')))
    .toString()
    .split('<|endoftext|>')
    .map((text) => text.trim())
    .slice(0, 200);

async function reloaded(tokenizer: Tokenizer, name: string): Promise<{ tokenizer: Tokenizer; folder: string }> {
  const folder = join(directory, name);
  mkdirSync(folder, { recursive: true });
  await tokenizer.save(folder);
  return { tokenizer: await loadTokenizer(folder), folder };
}

/** Ids by Hugging Face's JavaScript library from a saved tokenizer.json. */
function libraryEncoder(folder: string): (text: string) => number[] {
  const library = new JsLibrary(JSON.parse(readFileSync(join(folder, 'tokenizer.json'), 'utf8')), {});
  return (text) => library.encode(text, { add_special_tokens: false }).ids;
}

function streamed(tokenizer: Tokenizer, ids: Iterable<number>): string[] {
  const stream = tokenizer.decodeStream();
  return [...Array.from(ids, (id) => stream.push(id)), stream.end()];
}

function expectSameTokenizer(a: Tokenizer, b: Tokenizer, texts: readonly string[]): void {
  expect([b.vocabSize, b.bosId, b.eosId, b.fingerprint]).toEqual([a.vocabSize, a.bosId, a.eosId, a.fingerprint]);
  for (const text of texts) expect(b.encode(text)).toEqual(a.encode(text));
}

describe('byte', () => {
  it('gives the bytes, and 256 for end of text', async () => {
    const tokenizer = await loadTokenizer('byte');
    expect([tokenizer.vocabSize, tokenizer.bosId, tokenizer.eosId]).toEqual([257, undefined, 256]);
    expect([...tokenizer.encode('aé')]).toEqual([97, 0xc3, 0xa9]);
    for (const text of oddTexts) expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
    expect(tokenizer.decode([104, 256, 105, 9999, -1])).toBe('hi\uFFFD\uFFFD');
  });

  it('is saved in a form that it and the library read', async () => {
    const tokenizer = await loadTokenizer('byte');
    const saved = await reloaded(tokenizer, 'byte');
    expectSameTokenizer(tokenizer, saved.tokenizer, oddTexts);
    const encode = libraryEncoder(saved.folder);
    for (const text of ['Hello wörld 😀\n', '  x']) expect(encode(text)).toEqual([...tokenizer.encode(text)]);
  });
});

describe('char', () => {
  it('takes its vocabulary from the text, by code point', async () => {
    const tokenizer = await loadTokenizer('char', ['b😀a', 'é b']);
    expect([tokenizer.vocabSize, tokenizer.eosId]).toEqual([6, 5 + 0]);
    expect([...tokenizer.encode(' abé😀')]).toEqual([0, 1, 2, 3, 4]);
    expect(tokenizer.decode([4, 5, 0, 1])).toBe('😀 a');
    const saved = await reloaded(tokenizer, 'char');
    expectSameTokenizer(tokenizer, saved.tokenizer, ['ab😀 é']);
    expect(libraryEncoder(saved.folder)('ab😀 é')).toEqual([...tokenizer.encode('ab😀 é')]);
  });

  it('refuses what is not in the vocabulary, by name', async () => {
    const tokenizer = await loadTokenizer('char', ['abc']);
    expect(() => tokenizer.encode('abxc')).toThrow(
      /the character "x" \(U\+0078\) is not in the tokenizer's vocabulary of 3/,
    );
    await expect(loadTokenizer('char', [])).rejects.toThrow(/the text is empty/);
    await expect(loadTokenizer('char')).rejects.toThrow(/takes its vocabulary from the training text/);
  });
});

describe.skipIf(noSharedData)(onSharedData('GPT-2'), () => {
  let tokenizer: Tokenizer;
  const folder = join(directory, 'gpt2-source');

  beforeAll(async () => {
    mkdirSync(folder, { recursive: true });
    copyFileSync(sharedData('tokenizers/gpt2-encoder.json'), join(folder, 'encoder.json'));
    copyFileSync(sharedData('tokenizers/gpt2-vocab.bpe'), join(folder, 'vocab.bpe'));
    tokenizer = await loadTokenizer(folder);
  });

  it('gives known ids', () => {
    expect([tokenizer.vocabSize, tokenizer.bosId, tokenizer.eosId]).toEqual([50257, undefined, 50256]);
    expect([...tokenizer.encode('Hello world')]).toEqual([15496, 995]);
    expect([...tokenizer.encode('a<|endoftext|>b')]).toEqual([64, 50256, 65]);
  });

  it('gives each text back', () => {
    for (const text of oddTexts) expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
  });

  it('is saved and loaded, and agrees with the library on stories', async () => {
    const saved = await reloaded(tokenizer, 'gpt2');
    expect(saved.tokenizer).toBeInstanceOf(BpeTokenizer);
    expectSameTokenizer(tokenizer, saved.tokenizer, oddTexts);
    const encode = libraryEncoder(saved.folder);
    for (const text of [...stories(), "don't I'LL 123456", '日本語のテキスト']) {
      expect([...tokenizer.encode(text)]).toEqual(encode(text));
    }
  });
});

describe.skipIf(noSharedData)(onSharedData('Llama 2'), () => {
  let tokenizer: Tokenizer;
  beforeAll(async () => {
    tokenizer = await loadTokenizer(sharedData('tokenizers/llama2-tokenizer.model'));
  });

  it('gives the ids of SentencePiece', () => {
    expect([tokenizer.vocabSize, tokenizer.bosId, tokenizer.eosId]).toEqual([32000, 1, 2]);
    expect([...tokenizer.encode('Hello world')]).toEqual([15043, 3186]);
    // A character without a token becomes its UTF-8 bytes, which begin at id 3.
    expect([...tokenizer.encode('🦙')]).toEqual([29871, ...[...Buffer.from('🦙')].map((byte) => byte + 3)]);
    expect([...tokenizer.encode('x\n')]).toEqual([921, 13]);
  });

  it('goes on in a document without a space in front', () => {
    expect([...tokenizer.encode(' world', { continued: true })]).toEqual([3186]);
    expect([...tokenizer.encode('world', { continued: true })]).toEqual([11526]);
  });

  it('gives each text back', () => {
    for (const text of oddTexts) expect(tokenizer.decode([1, ...tokenizer.encode(text), 2])).toBe(text);
  });

  it('is the same from llama2.c’s file, and after saving', async () => {
    const other = await loadTokenizer(sharedData('tokenizers/llama2-tokenizer.bin'));
    expectSameTokenizer(tokenizer, other, oddTexts);
    const saved = await reloaded(tokenizer, 'llama');
    expectSameTokenizer(tokenizer, saved.tokenizer, oddTexts);
    const encode = libraryEncoder(saved.folder);
    for (const text of [...stories().slice(0, 40), ...oddTexts.slice(2, 9)]) {
      expect([...tokenizer.encode(text)]).toEqual(encode(text));
    }
  });
});

describe.skipIf(noSharedData)(onSharedData('tok512, the tokenizer of stories260K'), () => {
  it('decodes what it encodes, with BOS in front', async () => {
    const tokenizer = await loadTokenizer(sharedData('weights/tok512.bin'));
    const ids = tokenizer.encode('Once upon a time');
    expect([tokenizer.vocabSize, tokenizer.bosId]).toEqual([512, 1]);
    expect([...ids]).toEqual([403, 407, 261, 378]);
    expect(tokenizer.decode([1, ...ids])).toBe('Once upon a time');
  });
});

describe('decoding as ids come', () => {
  it('holds a character back until its last byte', async () => {
    const tokenizer = await loadTokenizer('byte');
    expect(streamed(tokenizer, tokenizer.encode('a€'))).toEqual(['a', '', '', '€', '']);
    expect(streamed(tokenizer, [0xe2, 0x82]).join('')).toBe('\uFFFD');
    expect(streamed(tokenizer, [0xe2, 97]).join('')).toBe('\uFFFDa');
  });

  it.skipIf(noSharedData)(onSharedData('adds up to the whole text with every kind'), async () => {
    for (const path of ['tokenizers/llama2-tokenizer.model', 'weights/tok512.bin']) {
      const tokenizer = await loadTokenizer(sharedData(path));
      for (const text of oddTexts) {
        const ids = [1, ...tokenizer.encode(text)];
        const parts = streamed(tokenizer, ids);
        expect(parts.join('')).toBe(tokenizer.decode(ids));
        expect(parts.slice(0, -1).join('')).not.toContain('\uFFFD');
      }
    }
  });
});

describe('files that are no tokenizer', () => {
  it.each<[string, () => string, RegExp]>([
    ['missing', () => join(directory, 'none'), /none: no such tokenizer$/],
    ['an empty directory', () => directory, /holds no tokenizer$/],
    ['broken JSON', () => writeTo(directory, 'a/tokenizer.json', '{"model"'), /not valid JSON/],
    ['other JSON', () => writeTo(directory, 'b/tokenizer.json', '{"x": 1}'), /not a tokenizer.json: at "model"/],
    ['an unknown kind', () => writeTo(directory, 'c.vocab', 'x'), /not a known kind of tokenizer/],
    ['no SentencePiece model', () => writeTo(directory, 'd.model', 'hello there'), /d.model: /],
    [
      'a truncated llama2.c file',
      () => writeTo(directory, 'e.bin', Buffer.alloc(10)),
      /truncated or not a llama2.c tokenizer/,
    ],
    [
      'a llama2.c file without bytes',
      () => writeTo(directory, 'f.bin', Buffer.alloc(4 + 8 * 300)),
      /not the single bytes/,
    ],
    [
      'a model the library does not know',
      () => writeTo(directory, 'g/tokenizer.json', JSON.stringify({ model: { type: 'Magic', vocab: {} } })),
      /cannot be run/,
    ],
    [
      'a merge outside of the vocabulary',
      () =>
        writeTo(
          directory,
          'h/tokenizer.json',
          JSON.stringify({
            pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false },
            decoder: { type: 'ByteLevel' },
            model: { type: 'BPE', vocab: byteVocabulary(), merges: ['a zz'] },
          }),
        ),
      /the merge "a zz" uses a token that is not in the vocabulary/,
    ],
  ])('%s', async (_, path, message) => {
    const error: unknown = await loadTokenizer(path()).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'INPUT', exitCode: 2, message: expect.stringMatching(message) });
    expect(error).toHaveProperty('message', expect.not.stringContaining('\n'));
  });
});

/** The 256 symbols of the byte-level alphabet. */
function byteVocabulary(): Record<string, number> {
  const printable = (byte: number) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte !== 173);
  let next = 256;
  return Object.fromEntries(
    Array.from({ length: 256 }, (_, byte) => [String.fromCharCode(printable(byte) ? byte : next++), byte]),
  );
}

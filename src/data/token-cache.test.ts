import { mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { noSharedData, onSharedData, sharedData } from '../../tests/support/shared-data.js';
import { temporaryDirectory, writeTo } from '../../tests/support/temporary-directory.js';
import { readPieces } from './corpus.js';
import { findCorpusFiles } from './corpus-files.js';
import { documentTokens } from './documents.js';
import { encodePiece } from './encode-corpus.js';
import { loadTokenizerFor, openTokens } from './load-corpus.js';
import { cachedTokens } from './token-cache.js';
import { loadTokenizer } from './tokenizer/load-tokenizer.js';
import type { Tokenizer } from './tokenizer/tokenizer.js';

const directory = temporaryDirectory();
let caches = 0;
const freshCache = () => join(directory, `cache${caches++}`);
const byte = await loadTokenizer('byte');

async function ids(data: string[], tokenizer: Tokenizer, cacheDirectory = freshCache()): Promise<number[]> {
  using source = await openTokens({ data, tokenizer, vocabSize: tokenizer.vocabSize, cacheDirectory });
  return [...source.read(0, source.length)];
}

describe('a corpus as ids', () => {
  it('has end-of-text behind each document where there is no BOS', async () => {
    const path = writeTo(directory, 'two.txt', ' ab <|endoftext|> c\n');
    expect(await ids([path], byte)).toEqual([97, 98, 256, 99, 256]);
  });

  it.skipIf(noSharedData)(onSharedData('has BOS in front where there is one'), async () => {
    const path = writeTo(directory, 'bos.txt', 'Hello world<|endoftext|>Hello world');
    const llama = await loadTokenizer(sharedData('tokenizers/llama2-tokenizer.model'));
    expect(await ids([path], llama)).toEqual([1, 15043, 3186, 1, 15043, 3186]);
  });

  it.skipIf(noSharedData)(onSharedData('is the same, however documents are cut into pieces'), async () => {
    // "<unk>" is a token of these tokenizers, and a text cut just behind one is the exception.
    const text = readFileSync(sharedData('corpora/wikitext2-test.txt'), 'utf8').replaceAll('<unk>', 'unknown');
    const files = await findCorpusFiles([writeTo(directory, 'wiki.txt', text)]);
    for (const path of ['weights/tok512.bin', 'tokenizers/llama2-tokenizer.model']) {
      const tokenizer = await loadTokenizer(sharedData(path));
      const encoded = async (pieceLength: number) => {
        const blocks = [];
        for await (const piece of readPieces(files, { pieceLength })) blocks.push(encodePiece(piece, tokenizer));
        return Buffer.concat(blocks.map((block) => Buffer.from(block.buffer)));
      };
      expect((await encoded(5000)).equals(await encoded(10_000_000))).toBe(true);
    }
  });

  it('has its characters as vocabulary with "char"', async () => {
    const path = writeTo(directory, 'char.txt', 'ba<|endoftext|>cab');
    const tokenizer = await loadTokenizerFor('char', [path]);
    expect(await ids([path], tokenizer)).toEqual([1, 0, 3, 2, 0, 1, 3]);
  });
});

describe('the cache', () => {
  const open = async (path: string, cacheDirectory: string) => {
    const progress: number[] = [];
    const files = await findCorpusFiles([path]);
    const onProgress = (done: number, total: number) => progress.push(done / total);
    using source = await cachedTokens(files, byte, { cacheDirectory, onProgress });
    return { ids: [...source.read(0, source.length)], progress };
  };

  it('is used the second time, and not after the text has changed', async () => {
    const cache = freshCache();
    const path = writeTo(directory, 'changes.txt', 'abc');
    const first = await open(path, cache);
    expect(first.progress).toEqual([1]);
    expect(await open(path, cache)).toEqual({ ids: first.ids, progress: [] });
    writeFileSync(path, 'xyz');
    utimesSync(path, 5, 5);
    expect((await open(path, cache)).ids).toEqual([120, 121, 122, 256]);
    expect(readdirSync(cache)).toHaveLength(4);
  });

  it('makes an entry anew that was cut short or lost its record', async () => {
    const cache = freshCache();
    const path = writeTo(directory, 'repaired.txt', 'abcdef');
    const whole = await open(path, cache);
    const entry = (ending: string) => join(cache, readdirSync(cache).find((name) => name.endsWith(ending)) ?? '');
    truncateSync(entry('.bin'), 4);
    expect((await open(path, cache)).ids).toEqual(whole.ids);
    rmSync(entry('.json'));
    expect(await open(path, cache)).toEqual(whole);
    writeFileSync(entry('.json'), '{}');
    expect(await open(path, cache)).toEqual(whole);
  });

  it('holds no half entry after a failure, and clears what a killed process left', async () => {
    const cache = freshCache();
    const path = writeTo(directory, 'fails.jsonl', '{"text": "good"}\n{"text": 1}');
    await expect(open(path, cache)).rejects.toThrow(/fails.jsonl:2/);
    expect(readdirSync(cache)).toEqual([]);
    const good = writeTo(directory, 'good.txt', 'good');
    await open(good, cache);
    const [name] = readdirSync(cache);
    rmSync(join(cache, name.replace(/\..*/, '.json')));
    // No process has this number: it is above the largest that Linux gives.
    writeTo(cache, `${name.replace(/\..*/, '.bin')}.4194999.tmp`, 'rest');
    await open(good, cache);
    expect(readdirSync(cache).filter((file) => file.endsWith('.tmp'))).toEqual([]);
  });

  it('stops at the first id beyond the vocabulary', async () => {
    const path = writeTo(directory, 'beyond.txt', 'ab~');
    const opening = openTokens({ data: [path], tokenizer: byte, vocabSize: 120, cacheDirectory: freshCache() });
    await expect(opening).rejects.toThrow(
      /beyond.txt: token id 126 at position 2 is beyond the model's vocabulary of 120/,
    );
  });

  it('says so when it cannot be made', async () => {
    const occupied = writeTo(directory, 'occupied', '');
    await expect(open(writeTo(directory, 'fine.txt', 'x'), join(occupied, 'cache'))).rejects.toMatchObject({
      code: 'SAVE_FAILED',
      exitCode: 1,
    });
  });
});

describe('refused are', () => {
  it.each<[string, () => string[], RegExp]>([
    ['no data', () => [], /no data given/],
    ['an empty corpus', () => [writeTo(directory, 'blank.txt', ' \n<|endoftext|>\n')], /blank.txt: holds no text/],
    ['an empty file', () => [writeTo(directory, 'zero.txt', '')], /zero.txt: holds no text/],
    [
      'text and ids together',
      () => [writeTo(directory, 'mix.txt', 'a'), writeTo(directory, 'mix.bin', 'ab')],
      /the data mixes token ids \(.*mix.bin\) and text \(.*mix.txt\)/,
    ],
  ])('%s', async (_, data, message) => {
    await expect(ids(data(), byte)).rejects.toThrow(message);
  });

  it('text without a tokenizer', async () => {
    const data = [writeTo(directory, 'plain.txt', 'a')];
    await expect(openTokens({ data, vocabSize: 300, cacheDirectory: freshCache() })).rejects.toThrow(
      /plain.txt: text needs a tokenizer/,
    );
  });
});

describe('documents one by one', () => {
  const all = async (text: string, context: number, maxDocuments?: number) => {
    mkdirSync(directory, { recursive: true });
    const files = await findCorpusFiles([writeTo(directory, 'documents.txt', text)]);
    const options = maxDocuments === undefined ? { context } : { context, maxDocuments };
    const result: number[][] = [];
    for await (const document of documentTokens(files, byte, options)) result.push([...document]);
    return result;
  };

  it('are cut to context and one more, and counted', async () => {
    const text = 'abcdef<|endoftext|>gh<|endoftext|>i';
    expect(await all(text, 3)).toEqual([
      [97, 98, 99, 100],
      [103, 104, 256],
      [105, 256],
    ]);
    expect(await all(text, 100, 1)).toEqual([[97, 98, 99, 100, 101, 102, 256]]);
  });

  it('of one piece after the other are cut as well', async () => {
    const text = 'word '.repeat(50_000);
    expect((await all(`${text}<|endoftext|>b`, 10)).map((document) => document.length)).toEqual([11, 2]);
  });
});

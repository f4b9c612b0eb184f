import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { noSharedData, onSharedData, sharedData } from '../../tests/support/shared-data.js';
import { temporaryDirectory } from '../../tests/support/temporary-directory.js';
import { loadTokenizer } from './tokenizer/load-tokenizer.js';
import { trainTokenizer } from './train-tokenizer.js';

const directory = temporaryDirectory();

describe('training', () => {
  it('joins the most frequent pair first, the greatest of several', async () => {
    // Words: " ab" twice, "ab" once, " cd" twice. "ab" occurs 3 times; then " ab", " c" and "cd" twice each.
    const tokenizer = await trainTokenizer(['ab ab ab cd cd'], { vocabSize: 259 });
    const ids = [...tokenizer.encode('ab cd')];
    expect(tokenizer.decode([257])).toBe('ab');
    expect(tokenizer.decode([258])).toBe('cd');
    expect(ids).toEqual([257, 221, 258]);
  });

  it('gives exactly the size asked for, can encode any byte, and is saved', async () => {
    const text = 'the cat sat on the mat, the rat sat on the cat. '.repeat(3);
    const tokenizer = await trainTokenizer([text], { vocabSize: 270 });
    expect([tokenizer.vocabSize, tokenizer.bosId, tokenizer.eosId]).toEqual([270, undefined, 0]);
    const every = String.fromCodePoint(...Array.from({ length: 600 }, (_, i) => i), 0x1f600);
    expect(tokenizer.decode(tokenizer.encode(every))).toBe(every);
    const folder = join(directory, 'trained');
    mkdirSync(folder);
    await tokenizer.save(folder);
    const again = await loadTokenizer(folder);
    expect(again.fingerprint).toBe(tokenizer.fingerprint);
    expect(again.encode(text)).toEqual(tokenizer.encode(text));
    expect(JSON.parse(readFileSync(join(folder, 'tokenizer_config.json'), 'utf8'))).toMatchObject({
      eos_token: '<|endoftext|>',
      bos_token: null,
    });
  });

  it('does not depend on the order of texts', async () => {
    const texts = ['one two three', 'two three four', 'three four five five'];
    const [a, b] = await Promise.all([
      trainTokenizer(texts, { vocabSize: 270 }),
      trainTokenizer([...texts].reverse(), { vocabSize: 270 }),
    ]);
    expect(a.fingerprint).toBe(b.fingerprint);
  });

  it('refuses sizes it cannot reach', async () => {
    await expect(trainTokenizer(['abc'], { vocabSize: 256 })).rejects.toThrow(/a vocabulary of 256 is too small/);
    await expect(trainTokenizer(['abc abc'], { vocabSize: 1000 })).rejects.toThrow(
      /the text is too short for a vocabulary of 1000: it gives 260 tokens/,
    );
  });
});

it.skipIf(noSharedData)(onSharedData('learns the reference merges of Stanford CS336, all 243'), async () => {
  const text = readFileSync(sharedData('reference/cs336-corpus.en'), 'utf8');
  const tokenizer = await trainTokenizer(text.split('<|endoftext|>'), { vocabSize: 500 });
  const folder = join(directory, 'cs336');
  mkdirSync(folder);
  await tokenizer.save(folder);
  const { model } = JSON.parse(readFileSync(join(folder, 'tokenizer.json'), 'utf8'));
  const merges = model.merges.map((pair: string[]) => pair.join(' '));
  expect(merges).toEqual(
    readFileSync(sharedData('reference/cs336-train-bpe-reference-merges.txt'), 'utf8').trimEnd().split('\n'),
  );
  const vocab = JSON.parse(readFileSync(sharedData('reference/cs336-train-bpe-reference-vocab.json'), 'utf8'));
  expect(model.vocab).toEqual(vocab);
});

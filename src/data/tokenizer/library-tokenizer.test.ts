import { expect, it } from 'vitest';
import { temporaryDirectory, writeTo } from '../../../tests/support/temporary-directory.js';
import { LibraryTokenizer } from './library-tokenizer.js';
import { loadTokenizer } from './load-tokenizer.js';

const directory = temporaryDirectory();

/** A Unigram tokenizer in the manner of T5, which our own encoder leaves to the library. */
const unigram = {
  added_tokens: [{ id: 1, content: '</s>', special: true }],
  normalizer: null,
  pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
  post_processor: null,
  decoder: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
  model: {
    type: 'Unigram',
    unk_id: 0,
    vocab: [
      ['<unk>', 0],
      ['</s>', 0],
      ['▁', -3],
      ['▁low', -1],
      ['low', -2],
      ['er', -2],
      ['▁lower', -1.5],
    ],
  },
};

it('runs what our own encoder does not, and saves it', async () => {
  const path = writeTo(directory, 'u/tokenizer.json', JSON.stringify(unigram));
  const tokenizer = await loadTokenizer(path);
  expect(tokenizer).toBeInstanceOf(LibraryTokenizer);
  expect([tokenizer.vocabSize, tokenizer.bosId, tokenizer.eosId]).toEqual([7, undefined, 1]);
  expect([...tokenizer.encode('low lower')]).toEqual([3, 6]);
  expect([...tokenizer.encode('lower', { continued: true })]).toEqual([4, 5]);
  expect([...tokenizer.encode('')]).toEqual([]);
  expect(tokenizer.decode([3, 6, 1])).toBe('low lower');
  expect(tokenizer.decode([])).toBe('');
  const stream = tokenizer.decodeStream();
  expect([stream.push(3), stream.push(6), stream.end()]).toEqual(['low', ' lower', '']);
  writeTo(directory, 'saved/x', '');
  await tokenizer.save(`${directory}/saved`);
  const again = await loadTokenizer(`${directory}/saved`);
  expect(again.fingerprint).toBe(tokenizer.fingerprint);
  expect([...again.encode('low lower')]).toEqual([3, 6]);
});

it('BOS and end-of-text come from tokenizer_config.json where there is one', async () => {
  const named = {
    ...unigram,
    added_tokens: [
      { id: 0, content: '<s>', special: true },
      { id: 1, content: '</s>', special: true },
    ],
  };
  const load = (name: string, config: unknown) => {
    writeTo(directory, `${name}/tokenizer.json`, JSON.stringify(named));
    writeTo(directory, `${name}/tokenizer_config.json`, JSON.stringify(config));
    return loadTokenizer(`${directory}/${name}`);
  };
  expect(await load('c1', {})).toMatchObject({ bosId: 0, eosId: 1 });
  expect(await load('c2', { bos_token: { content: '<s>' }, eos_token: '<s>' })).toMatchObject({
    bosId: undefined,
    eosId: 0,
  });
  expect(await load('c3', { add_bos_token: false })).toMatchObject({ bosId: undefined, eosId: 1 });
  expect(await load('c4', { bos_token: null, eos_token: null })).toMatchObject({ bosId: undefined, eosId: undefined });
  await expect(load('c5', { bos_token: 7 })).rejects.toThrow(/not a tokenizer_config.json: at "bos_token"/);
});

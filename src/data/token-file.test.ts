import { readdirSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory, writeTo } from '../../tests/support/temporary-directory.js';
import { openTokens } from './load-corpus.js';
import { openTokenFile } from './open-token-file.js';
import { TokenFile, tokenBytes, tokenDType } from './token-file.js';
import { ConcatenatedTokens, TokensInMemory } from './token-source.js';

const directory = temporaryDirectory();
const cacheDirectory = join(directory, 'cache');
const options = { cacheDirectory };

const bin16 = (name: string, ids: number[]) => writeTo(directory, name, tokenBytes(Int32Array.from(ids), 'uint16'));

describe('a token file', () => {
  it('is uint16, or uint32 where its sidecar says so', () => {
    using narrow = TokenFile.open(bin16('narrow.bin', [1, 2, 65535]));
    expect([narrow.length, ...narrow.read(1, 2)]).toEqual([3, 2, 65535]);
    const path = writeTo(directory, 'wide.bin', tokenBytes(Int32Array.of(7, 70000), 'uint32'));
    writeTo(directory, 'wide.json', '{"dtype": "uint32", "tokens": 2, "comment": "kept"}');
    using wide = TokenFile.open(path);
    expect([...wide.read(0, 2)]).toEqual([7, 70000]);
    expect([...wide.read(2, 0)]).toEqual([]);
  });

  it('refuses ranges outside of it', () => {
    using file = TokenFile.open(bin16('range.bin', [1, 2, 3]));
    expect(() => file.read(2, 2)).toThrow(RangeError);
    expect(() => file.read(-1, 1)).toThrow(RangeError);
    expect(() => file.read(0.5, 1)).toThrow(RangeError);
  });

  it.each<[string, () => string, RegExp]>([
    ['missing', () => join(directory, 'none.bin'), /none.bin: no such file$/],
    ['empty', () => bin16('empty.bin', []), /empty.bin: holds no tokens$/],
    ['of half a token', () => writeTo(directory, 'half.bin', Buffer.alloc(5)), /half.bin: truncated: 5 bytes/],
    [
      'shorter than its sidecar says',
      () => {
        writeTo(directory, 'cut.json', '{"tokens": 9}');
        return bin16('cut.bin', [1, 2]);
      },
      /cut.bin: truncated or too long: its sidecar says 9 tokens, it holds 2/,
    ],
    [
      'with a sidecar of another type',
      () => {
        writeTo(directory, 'type.bin.json', '{"dtype": "int8"}');
        return bin16('type.bin', [1]);
      },
      /type.bin.json: does not describe a token file: "dtype"/,
    ],
    [
      'with a sidecar that is no JSON',
      () => {
        writeTo(directory, 'bad.json', 'uint32');
        return bin16('bad.bin', [1]);
      },
      /bad.json: does not describe a token file/,
    ],
  ])('is refused when it is %s', (_, path, message) => {
    const file = path();
    expect(() => TokenFile.open(file)).toThrow(message);
    expect(() => TokenFile.open(file)).toThrow(expect.objectContaining({ code: 'INPUT', exitCode: 2 }));
  });

  it('that becomes shorter while in use is an error, not a crash', () => {
    const path = bin16('shrinks.bin', [1, 2, 3, 4]);
    using file = TokenFile.open(path);
    truncateSync(path, 2);
    expect(() => file.read(1, 2)).toThrow(/shrinks.bin: became shorter while it was in use/);
  });

  it('takes the narrowest type for a vocabulary', () => {
    expect([tokenDType(65536), tokenDType(65537)]).toEqual(['uint16', 'uint32']);
  });
});

describe('ids beyond the vocabulary', () => {
  it('are named with their position', async () => {
    const path = bin16('ids.bin', [5, 9, 2, 11, 10]);
    await expect(openTokens({ data: [path], vocabSize: 10, ...options })).rejects.toThrow(
      /ids.bin: token id 11 at position 3 is beyond the model's vocabulary of 10$/,
    );
    using source = await openTokens({ data: [path], vocabSize: 12, ...options });
    expect([source.length, source.maxId]).toEqual([5, 11]);
  });

  it('are found above 2^31 too', async () => {
    const path = writeTo(directory, 'huge.bin', Buffer.from(Uint32Array.of(1, 4294967295).buffer));
    writeTo(directory, 'huge.json', '{"dtype": "uint32"}');
    await expect(openTokens({ data: [path], vocabSize: 32000, ...options })).rejects.toThrow(
      /token id 4294967295 at position 1/,
    );
  });

  it('are looked for once per state of a file', async () => {
    const path = bin16('once.bin', [1, 2, 3]);
    let passes = 0;
    const open = async () => {
      using source = await openTokenFile(path, { ...options, onProgress: () => passes++ });
      return [source.maxId, source.fingerprint];
    };
    const first = await open();
    expect(await open()).toEqual(first);
    expect(passes).toBe(1);
    writeFileSync(path, tokenBytes(Int32Array.of(1, 2, 9), 'uint16'));
    utimesSync(path, 1, 1);
    expect((await open())[0]).toBe(9);
    expect(passes).toBe(2);
  });

  it('are looked for each time where no cache can be written', async () => {
    const occupied = writeTo(directory, 'occupied', '');
    using source = await openTokenFile(bin16('nocache.bin', [4]), { cacheDirectory: join(occupied, 'x') });
    expect(source.maxId).toBe(4);
  });
});

describe('several files', () => {
  it('are one row of ids', async () => {
    const data = [bin16('part-b.bin', [1, 2]), bin16('part-a.bin', [3]), bin16('part-c.bin', [4, 5, 6])];
    using source = await openTokens({ data, vocabSize: 10, ...options });
    expect(source.length).toBe(6);
    expect([...source.read(1, 4)]).toEqual([2, 3, 4, 5]);
    expect([...source.read(5, 1)]).toEqual([6]);
    expect(() => source.read(5, 2)).toThrow(RangeError);
    using sorted = await openTokens({ data: [join(directory, 'part-*.bin')], vocabSize: 10, ...options });
    expect([...sorted.read(0, 6)]).toEqual([3, 1, 2, 4, 5, 6]);
  });

  it('may be empty in memory', () => {
    using source = new ConcatenatedTokens([new TokensInMemory(new Int32Array(0))]);
    expect([source.length, source.maxId]).toEqual([0, -1]);
  });
});

it('the same ids have the same fingerprint, whatever their type and file', async () => {
  const narrow = bin16('same16.bin', [1, 2, 3]);
  const wide = writeTo(directory, 'same32.bin', tokenBytes(Int32Array.of(1, 2, 3), 'uint32'));
  writeTo(directory, 'same32.json', '{"dtype": "uint32"}');
  using a = await openTokenFile(narrow, options);
  using b = await openTokenFile(wide, options);
  expect(a.fingerprint).toBe(b.fingerprint);
  expect(readdirSync(cacheDirectory).filter((name) => name.endsWith('.tmp'))).toEqual([]);
});

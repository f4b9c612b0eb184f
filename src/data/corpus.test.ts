import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory, writeTo } from '../../tests/support/temporary-directory.js';
import { readDocuments, readPieces } from './corpus.js';
import { findCorpusFiles } from './corpus-files.js';
import { DocumentSplitter, type TextPiece } from './document-splitter.js';

const directory = temporaryDirectory();

async function documents(...data: string[]): Promise<string[]> {
  const result: string[] = [];
  for await (const text of readDocuments(await findCorpusFiles(data))) result.push(text);
  return result;
}

function split(text: string, pieceLength: number, chunk: number): TextPiece[] {
  const splitter = new DocumentSplitter(pieceLength);
  const pieces: TextPiece[] = [];
  for (let at = 0; at < text.length; at += chunk) pieces.push(...splitter.push(text.slice(at, at + chunk)));
  pieces.push(...splitter.finish());
  return pieces;
}

/** Documents of pieces; checks the marks of beginning and end on the way. */
function joined(pieces: readonly TextPiece[]): string[] {
  const result: string[] = [];
  let inside = false;
  for (const { text, starts, ends } of pieces) {
    expect(starts).toBe(!inside);
    if (starts) result.push(text);
    else result.push(result.pop() + text);
    inside = !ends;
  }
  expect(inside).toBe(false);
  return result;
}

describe('documents', () => {
  it('of a text file are what <|endoftext|> separates, trimmed, without empty ones', async () => {
    const path = writeTo(directory, 'a.txt', '\n one\n<|endoftext|>\n\n<|endoftext|> two  words\n\n<|endoftext|>');
    expect(await documents(path)).toEqual(['one', 'two  words']);
  });

  it('come from gzip, brotli and JSON lines as well', async () => {
    const folder = join(directory, 'kinds');
    writeTo(folder, 'a.txt', 'plain');
    writeTo(folder, 'sub/b.txt.gz', Buffer.concat([gzipSync('zipped '), gzipSync('twice')]));
    writeTo(folder, 'sub/c.txt.br', brotliCompressSync('brotli é'));
    writeTo(folder, 'd.jsonl', '{"text": "one\\nline", "id": 1}\n\n{"text": " <|endoftext|>two"}\r\n{"text": ""}');
    writeTo(folder, 'ignored.md', 'not text of the corpus');
    expect(await documents(folder)).toEqual(['plain', 'one\nline', 'two', 'zipped twice', 'brotli é']);
    expect(await documents(join(folder, '**/*.{gz,br}'))).toEqual(['zipped twice', 'brotli é']);
    expect(await documents(join(folder, 'ignored.md'), join(folder, 'a.txt'))).toEqual([
      'not text of the corpus',
      'plain',
    ]);
  });

  it('of a file whose name looks like a glob are found', async () => {
    expect(await documents(writeTo(directory, 'odd[1].txt', 'here'))).toEqual(['here']);
  });

  it('keep a character whose bytes fall into two reads', async () => {
    const text = `${'a'.repeat(65535)}é${'b'.repeat(70000)}😀`;
    expect(await documents(writeTo(directory, 'split.txt', text))).toEqual([text]);
  });
});

describe('long documents', () => {
  const text = Array.from({ length: 400 }, (_, i) => `word${i}${i % 7 === 0 ? '\n\n' : ' '}`).join('');
  const whole = `${text}<|endoftext|>  short <|endoftext|>${text}`;

  it.each([
    [40, 1],
    [50, 7],
    [64, 10_000],
    [5000, 13],
  ])('come in pieces of at most %i, read %i characters at a time', (pieceLength, chunk) => {
    const pieces = split(whole, pieceLength, chunk);
    expect(joined(pieces)).toEqual([text.trim(), 'short', text.trim()]);
    for (const piece of pieces) {
      expect(piece.text.length).toBeLessThanOrEqual(pieceLength);
      if (!piece.starts && piece.text !== '') expect(piece.text).toMatch(/^\s/);
    }
  });

  it('without any blank space are cut between characters', () => {
    const pieces = split('😀'.repeat(100), 33, 5);
    expect(pieces.length).toBeGreaterThan(5);
    for (const { text: piece } of pieces) expect(Buffer.from(piece).toString()).toBe(piece);
    expect(joined(pieces)).toEqual(['😀'.repeat(100)]);
  });

  it('of nothing but blank space are none', () => {
    expect(split(' \n'.repeat(1000), 20, 7)).toEqual([]);
  });

  it('never hold more than some pieces in memory', async () => {
    const path = writeTo(directory, 'large.txt', 'some words that go on and on\n'.repeat(200_000));
    let longest = 0;
    let total = 0;
    for await (const piece of readPieces(await findCorpusFiles([path]), { pieceLength: 10_000 })) {
      longest = Math.max(longest, piece.text.length);
      total += piece.text.length;
    }
    expect(longest).toBeLessThanOrEqual(10_000);
    expect(total).toBe(readFileSync(path).length - 1);
  });
});

describe('what cannot be read is refused in one line', () => {
  const gzip = gzipSync('some text '.repeat(1000));
  it.each<[string, () => string, RegExp]>([
    ['missing', () => join(directory, 'none.txt'), /none.txt: no such file or directory$/],
    ['a glob without a match', () => join(directory, '*.nothing'), /\*.nothing: no file matches$/],
    ['an empty directory', () => join(writeTo(directory, 'hollow/x.csv', ''), '..'), /holds no text file$/],
    ['cut gzip', () => writeTo(directory, 'cut.txt.gz', gzip.subarray(0, -20)), /cannot be decompressed as gzip/],
    ['no gzip', () => writeTo(directory, 'no.txt.gz', 'plain'), /no.txt.gz: cannot be decompressed as gzip/],
    ['no brotli', () => writeTo(directory, 'no.txt.br', Buffer.alloc(100, 7)), /cannot be decompressed as brotli/],
    [
      'Latin-1',
      () => writeTo(directory, 'latin.txt', Buffer.from('caf\xe9 au lait', 'latin1')),
      /latin.txt: not UTF-8 text/,
    ],
    [
      'JSON without text',
      () => writeTo(directory, 'x.jsonl', '{"text":"a"}\n{"txt":"b"}'),
      /x.jsonl:2: no "text" field/,
    ],
    ['text that is a number', () => writeTo(directory, 'y.jsonl', '\n\n{"text":1}'), /y.jsonl:3: no "text" field/],
    ['no JSON', () => writeTo(directory, 'z.jsonl', 'hello'), /z.jsonl:1: not a JSON object/],
    ['token ids', () => writeTo(directory, 't.bin', Buffer.alloc(4)), /t.bin: holds token ids, text is needed/],
  ])('%s', async (_, path, message) => {
    const error: unknown = await documents(path()).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'INPUT', exitCode: 2, message: expect.stringMatching(message) });
    expect(error).toHaveProperty('message', expect.not.stringContaining('\n'));
  });
});

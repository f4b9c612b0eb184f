import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { noSharedData, onSharedData, sharedData } from '../../tests/support/shared-data.js';
import { temporaryDirectory, writeTo } from '../../tests/support/temporary-directory.js';
import { CheckpointError } from './checkpoint-error.js';
import { SafetensorsFile } from './safetensors.js';
import { openSafetensors } from './safetensors-shards.js';
import { writeSafetensors } from './write-safetensors.js';

const directory = temporaryDirectory();

/** A file with this header and so many bytes behind it. */
function raw(name: string, header: unknown, dataBytes: number, claimed?: number): string {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(claimed ?? json.length));
  return writeTo(directory, name, Buffer.concat([length, json, Buffer.alloc(dataBytes)]));
}

const f32 = (shape: number[], begin: number, end: number) => ({ dtype: 'F32', shape, data_offsets: [begin, end] });
const opening = (path: string) => () => SafetensorsFile.open(path).close();

describe('a well-formed file', () => {
  it('gives f32, bf16, f16 and f64 values as f32', () => {
    const data = Buffer.alloc(28);
    data.writeDoubleLE(0.5, 0);
    data.writeFloatLE(1.25, 8);
    data.writeFloatLE(-3, 12);
    for (const [i, bits] of [0x3f80, 0xff80, 0x7fc1].entries()) data.writeUInt16LE(bits, 16 + 2 * i);
    for (const [i, bits] of [0x3c01, 0x8001, 0x7c00].entries()) data.writeUInt16LE(bits, 22 + 2 * i);
    const header = JSON.stringify({
      __metadata__: { format: 'pt' },
      d: { dtype: 'F64', shape: [1], data_offsets: [0, 8] },
      f: { dtype: 'F32', shape: [2], data_offsets: [8, 16] },
      b: { dtype: 'BF16', shape: [3, 1], data_offsets: [16, 22] },
      h: { dtype: 'F16', shape: [3], data_offsets: [22, 28] },
    });
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    using file = SafetensorsFile.open(writeTo(directory, 'types', Buffer.concat([length, Buffer.from(header), data])));
    expect(file.metadata).toEqual({ format: 'pt' });
    expect(file.tensors.get('b')?.shape).toEqual([3, 1]);
    expect([...file.read('d')]).toEqual([0.5]);
    expect([...file.read('f', [2])]).toEqual([1.25, -3]);
    expect([...file.read('b')]).toEqual([1, Number.NEGATIVE_INFINITY, Number.NaN]);
    expect([...file.read('h')]).toEqual([1 + 2 ** -10, -(2 ** -24), Number.POSITIVE_INFINITY]);
  });

  it('may hold empty tensors and scalars', () => {
    using file = SafetensorsFile.open(raw('empty', { e: f32([0, 5], 0, 0), s: f32([], 0, 4) }, 4));
    expect(file.read('e')).toHaveLength(0);
    expect([...file.read('s')]).toEqual([0]);
  });

  it.skipIf(noSharedData)(onSharedData('of the reference implementation is read'), () => {
    using file = SafetensorsFile.open(sharedData('weights/stories260K.safetensors'));
    expect(file.tensors.size).toBe(47);
  });
});

describe('a damaged file is refused with its name and the tensor', () => {
  it.each<[string, string, RegExp]>([
    ['shorter than a length', writeTo(directory, 'short', 'abc'), /short: truncated: 3 bytes/],
    ['a header longer than the file', raw('long', '{}', 0, 1000), /long: truncated: the header has 1000 bytes/],
    ['an absurd header length', raw('absurd', '{}', 0, 2 ** 52), /longer than the format allows/],
    ['no JSON', raw('json', '{"a":', 0), /the header is not a JSON object/],
    ['an array', raw('array', '[1]', 0), /the header is not a JSON object/],
    ['no shape', raw('shapeless', { w: { dtype: 'F32', data_offsets: [0, 4] } }, 4), /w: bad header entry at "shape"/],
    ['a negative extent', raw('negative', { w: f32([-1], 0, 4) }, 4), /w: bad header entry at "shape.0"/],
    [
      'an unknown type',
      raw('type', { w: { dtype: 'F12', shape: [1], data_offsets: [0, 4] } }, 4),
      /w: unknown dtype F12/,
    ],
    ['offsets that do not fit the shape', raw('size', { w: f32([3], 0, 8) }, 8), /w: F32 \[3\] needs 12 bytes.*hold 8/],
    ['a gigantic shape', raw('giant', { w: f32([2 ** 40, 2 ** 40], 0, 8) }, 8), /w: F32 .* needs/],
    [
      'truncated data',
      raw('cut', { w: f32([4], 0, 16) }, 10),
      /w: truncated: it ends at byte 16 of the data.*holds 10/,
    ],
    ['overlap', raw('overlap', { a: f32([2], 0, 8), b: f32([2], 4, 12) }, 12), /b: overlaps with a/],
    ['a hole', raw('hole', { a: f32([1], 0, 4), b: f32([1], 8, 12) }, 12), /b: 4 bytes before it belong to no tensor/],
    ['bytes left over', raw('rest', { a: f32([1], 0, 4) }, 9), /5 bytes after the last tensor/],
    ['metadata that is no table of strings', raw('meta', { __metadata__: { a: 1 } }, 0), /__metadata__/],
    ['missing', join(directory, 'missing'), /missing: no such file/],
    ['a directory', directory, /not a file|illegal operation on a directory/i],
  ])('%s', (_, path, message) => {
    expect(opening(path)).toThrow(CheckpointError);
    expect(opening(path)).toThrow(message);
  });

  it('and every message is one line', () => {
    const path = raw('line', { w: { dtype: 'F32', shape: ['a', 'b'], data_offsets: 1 } }, 4);
    expect(opening(path)).toThrow(/^[^\n]+$/);
  });
});

describe('reading', () => {
  it('names tensor, expected and found shape', () => {
    using file = SafetensorsFile.open(raw('shape', { w: f32([2, 3], 0, 24) }, 24));
    expect(() => file.read('w', [3, 2])).toThrow(/w: expected \[3, 2\], found \[2, 3\]/);
    expect(() => file.read('w', [6])).toThrow(/expected \[6\]/);
    expect(() => file.read('v')).toThrow(/no tensor named v/);
  });

  it('refuses integers as floats, but gives their bytes', () => {
    using file = SafetensorsFile.open(raw('int', { i: { dtype: 'I64', shape: [1], data_offsets: [0, 8] } }, 8));
    expect(() => file.read('i')).toThrow(/i: expected F32, F16 or BF16, found I64/);
    expect(file.readBytes('i')).toHaveLength(8);
  });

  it('notices a file that became shorter', () => {
    const path = raw('shrinks', { w: f32([100], 0, 400) }, 400);
    using file = SafetensorsFile.open(path);
    truncateSync(path, 100);
    expect(() => file.read('w')).toThrow(/w: truncated while it was being read/);
  });
});

describe('several files under an index', () => {
  const index = (name: string, map: Record<string, string>) =>
    writeTo(directory, name, JSON.stringify({ metadata: {}, weight_map: map }));

  it('are one model', async () => {
    const entry = (name: string, value: number) => ({
      name,
      dtype: 'F32' as const,
      shape: [1],
      data: () => Float32Array.of(value),
    });
    const folder = join(directory, 'sharded');
    index('sharded/model.safetensors.index.json', { a: 'one.safetensors', b: 'two.safetensors' });
    await writeSafetensors(join(folder, 'one.safetensors'), [entry('a', 1)]);
    await writeSafetensors(join(folder, 'two.safetensors'), [entry('b', 2), entry('unlisted', 3)]);
    using reader = openSafetensors(folder);
    expect([...reader.tensors.keys()]).toEqual(['a', 'b']);
    expect([reader.read('a')[0], reader.read('b', [1])[0]]).toEqual([1, 2]);
    expect(() => reader.read('unlisted')).toThrow(/no tensor named unlisted/);
  });

  it('are refused where index and files disagree', () => {
    raw('shard', { a: f32([1], 0, 4) }, 4);
    expect(() => openSafetensors(index('i1.index.json', { z: 'shard' }))).toThrow(/shard: no tensor named z/);
    expect(() => openSafetensors(index('i2.index.json', { a: '../shard' }))).toThrow(/"..\/shard" is not a file name/);
    expect(() => openSafetensors(index('i3.index.json', { a: 'gone' }))).toThrow(/gone: no such file/);
    expect(() => openSafetensors(writeTo(directory, 'i4.index.json', '{}'))).toThrow(/no "weight_map"/);
    expect(() => openSafetensors(directory)).toThrow(/holds neither/);
  });
});

it('a copy through the writer is the same, bit for bit', async () => {
  const path = raw('source', { w: { dtype: 'BF16', shape: [4], data_offsets: [0, 8] } }, 8);
  const bytes = readFileSync(path);
  bytes.set([1, 2, 3, 4, 5, 6, 7, 8], bytes.length - 8);
  writeFileSync(path, bytes);
  using file = SafetensorsFile.open(path);
  const copy = join(directory, 'copy');
  await writeSafetensors(copy, [{ name: 'w', dtype: 'BF16', shape: [4], data: () => file.readBytes('w') }]);
  using again = SafetensorsFile.open(copy);
  expect(again.readBytes('w')).toEqual(file.readBytes('w'));
});

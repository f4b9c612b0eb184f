import { existsSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory, writeTo } from '../../tests/support/temporary-directory.js';
import { fromBf16 } from './float-formats.js';
import { SafetensorsFile } from './safetensors.js';
import { SaveError, temporaryPath } from './save-file.js';
import { type TensorEntry, writeSafetensors } from './write-safetensors.js';

const directory = temporaryDirectory();
const entry = (name: string, values: number[]): TensorEntry => ({
  name,
  dtype: 'F32',
  shape: [values.length],
  data: () => Float32Array.from(values),
});

describe('the file', () => {
  it('is laid out as the reference implementation does: large types first, then names, header in eights', async () => {
    const path = join(directory, 'layout');
    const bytes = await writeSafetensors(
      path,
      [
        { name: 'z', dtype: 'BF16', shape: [3], data: () => Float32Array.of(1, 2, 3) },
        entry('b', [1, 2]),
        { name: 'n', dtype: 'I64', shape: [1], data: () => BigInt64Array.of(-5n) },
        entry('a', [3]),
      ],
      { format: 'pt' },
    );
    const content = readFileSync(path);
    expect(content).toHaveLength(bytes);
    const headerBytes = Number(content.readBigUInt64LE(0));
    expect(headerBytes % 8).toBe(0);
    expect(JSON.parse(content.subarray(8, 8 + headerBytes).toString())).toEqual({
      __metadata__: { format: 'pt' },
      n: { dtype: 'I64', shape: [1], data_offsets: [0, 8] },
      a: { dtype: 'F32', shape: [1], data_offsets: [8, 12] },
      b: { dtype: 'F32', shape: [2], data_offsets: [12, 20] },
      z: { dtype: 'BF16', shape: [3], data_offsets: [20, 26] },
    });
    using file = SafetensorsFile.open(path);
    expect([...file.read('z')]).toEqual([1, 2, 3]);
    expect(new BigInt64Array(file.readBytes('n').buffer)[0]).toBe(-5n);
  });

  it('holds bf16 rounded to nearest, ties to even, NaN kept', async () => {
    const path = join(directory, 'bf16');
    const values = [1 + 2 ** -8, 1 + 3 * 2 ** -8, 1 + 2 ** -8 + 2 ** -20, Number.NaN, -0, 3.4e38];
    await writeSafetensors(path, [
      { name: 'w', dtype: 'BF16', shape: [values.length], data: () => Float32Array.from(values) },
    ]);
    using file = SafetensorsFile.open(path);
    const [even, up, above, nan, zero, large] = file.read('w');
    expect([even, up, above, nan]).toEqual([1, 1 + 2 ** -6, 1 + 2 ** -7, Number.NaN]);
    expect(Object.is(zero, -0)).toBe(true);
    expect(large).toBe(Number.POSITIVE_INFINITY);
    expect(fromBf16(Uint16Array.of(0x3f80))[0]).toBe(1);
  });

  it('asks for one tensor at a time', async () => {
    let open = 0;
    let most = 0;
    const counted = (name: string): TensorEntry => ({
      name,
      dtype: 'F32',
      shape: [1],
      data: async () => {
        most = Math.max(most, ++open);
        await Promise.resolve();
        open--;
        return Float32Array.of(1);
      },
    });
    await writeSafetensors(join(directory, 'turns'), ['a', 'b', 'c'].map(counted));
    expect(most).toBe(1);
  });
});

describe('a failure', () => {
  const leftOver = () => readdirSync(directory).filter((name) => name.endsWith('.tmp'));

  it('of a supplier leaves the earlier file and no other', async () => {
    const path = join(directory, 'kept');
    await writeSafetensors(path, [entry('w', [1])]);
    const failing: TensorEntry = {
      ...entry('x', [2]),
      data: () => {
        throw new Error('engine gone');
      },
    };
    await expect(writeSafetensors(path, [entry('w', [9]), failing])).rejects.toThrow('engine gone');
    using file = SafetensorsFile.open(path);
    expect([...file.read('w')]).toEqual([1]);
    expect(leftOver()).toEqual([]);
  });

  it.skipIf(!existsSync('/dev/full'))('for want of disk space does too, and says so', async () => {
    const path = join(directory, 'full');
    await writeSafetensors(path, [entry('w', [1])]);
    // Each write to this device fails as on a full disk.
    symlinkSync('/dev/full', temporaryPath(path));
    const error: unknown = await writeSafetensors(path, [entry('w', [9])]).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(SaveError);
    expect(error).toMatchObject({ code: 'SAVE_FAILED', exitCode: 1, message: expect.stringContaining('disk is full') });
    using file = SafetensorsFile.open(path);
    expect([...file.read('w')]).toEqual([1]);
    expect(leftOver()).toEqual([]);
  });

  it('for want of a directory is one line', async () => {
    const writing = writeSafetensors(join(directory, 'no', 'such'), [entry('w', [1])]);
    await expect(writing).rejects.toThrow(/such: cannot be written: the directory does not exist$/);
    const underFile = join(writeTo(directory, 'plain', ''), 'w');
    await expect(writeSafetensors(underFile, [entry('w', [1])])).rejects.toThrow(SaveError);
  });

  it('of data that do not fit their shape is refused', async () => {
    const wrong: TensorEntry = { ...entry('w', [1, 2]), shape: [3] };
    await expect(writeSafetensors(join(directory, 'wrong'), [wrong])).rejects.toThrow(
      /w: F32 \[3\] needs 12 bytes, was given 8/,
    );
    await expect(writeSafetensors(join(directory, 'twice'), [entry('w', [1]), entry('w', [1])])).rejects.toThrow(
      /w: written twice/,
    );
    expect(existsSync(join(directory, 'wrong'))).toBe(false);
  });
});

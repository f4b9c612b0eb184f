import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../../tests/support/temporary-directory.js';
import { nativeMissing, nativeTitle } from '../../tests/support/training.js';
import { FileLock } from './file-lock.js';

const directory = temporaryDirectory();
/** A process that holds a lock until it is killed; resolves when it has it. */
async function holder(path: string): Promise<ChildProcess> {
  const module = join(import.meta.dirname, '../../dist/train/file-lock.js');
  const code = `import { FileLock } from ${JSON.stringify(module)};
    const lock = await FileLock.take(${JSON.stringify(path)});
    console.log(lock instanceof FileLock);
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [text] = await once(child.stdout, 'data');
  expect(String(text)).toBe('true\n');
  return child;
}

describe.skipIf(nativeMissing !== undefined)(nativeTitle('a lock on a file'), () => {
  it('says who has it, and is gone afterwards', async () => {
    const path = join(directory, 'own');
    {
      await using _ = await FileLock.wait(path);
      expect(readFileSync(path, 'utf8')).toBe(`${process.pid}\n`);
    }
    expect(existsSync(path)).toBe(false);
    expect(await FileLock.holder(path)).toBeUndefined();
  });

  it('is not to be had twice, not even in one process', async () => {
    const path = join(directory, 'twice');
    await using _ = await FileLock.wait(path);
    expect(await FileLock.take(path)).toEqual({ pid: process.pid });
    expect(await FileLock.holder(path)).toEqual({ pid: process.pid });
  });

  it('is not to be had while another process has it, and is free when that is killed', async () => {
    const path = join(directory, 'killed');
    const other = await holder(path);
    expect(await FileLock.take(path)).toEqual({ pid: other.pid });
    other.kill('SIGKILL');
    await once(other, 'close');
    expect(existsSync(path)).toBe(true);
    expect(await FileLock.holder(path)).toBeUndefined();
    await using lock = await FileLock.wait(path);
    expect(readFileSync(path, 'utf8')).toBe(`${process.pid}\n`);
    expect(lock).toBeInstanceOf(FileLock);
  });

  it('can be waited for', async () => {
    const path = join(directory, 'waited');
    const other = await holder(path);
    const told: unknown[] = [];
    const waiting = FileLock.wait(path, (one) => {
      told.push(one);
      other.kill();
    });
    await using lock = await waiting;
    expect(lock).toBeInstanceOf(FileLock);
    expect(told).toEqual([{ pid: other.pid }]);
  });

  it('goes to one of many that want it at a time', async () => {
    const path = join(directory, 'many');
    let holders = 0;
    const most: number[] = [];
    const want = async () => {
      await using _ = await FileLock.wait(path);
      holders += 1;
      most.push(holders);
      await new Promise((resolve) => setTimeout(resolve, 1));
      holders -= 1;
    };
    await Promise.all(Array.from({ length: 8 }, want));
    expect(most).toEqual(Array(8).fill(1));
  });

  it('is refused where there can be no file', async () => {
    writeFileSync(join(directory, 'file'), '');
    await expect(FileLock.take(join(directory, 'file', 'lock'))).rejects.toThrow(/file\/lock: cannot be written/);
    expect(await FileLock.holder(join(directory, 'file', 'lock'))).toBeUndefined();
  });
});

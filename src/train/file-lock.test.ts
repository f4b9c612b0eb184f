import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../../tests/support/temporary-directory.js';
import { FileLock } from './file-lock.js';

const directory = temporaryDirectory();
const written = (pid: number, host: string) => `${JSON.stringify({ pid, host })}\n`;

describe('a lock on a file', () => {
  let other: ChildProcess;
  let pid: number;
  beforeAll(async () => {
    other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    await once(other, 'spawn');
    pid = other.pid ?? 0;
  });
  afterAll(() => {
    other.kill();
  });

  const path = (name: string, text?: string) => {
    const file = join(directory, name);
    if (text !== undefined) writeFileSync(file, text);
    return file;
  };

  it('says who has it, and is gone afterwards', async () => {
    const file = path('own');
    {
      await using lock = await FileLock.wait(file);
      expect(lock).toBeInstanceOf(FileLock);
      expect(readFileSync(file, 'utf8')).toBe(written(process.pid, hostname()));
    }
    expect(existsSync(file)).toBe(false);
  });

  it('is not to be had while another process has it, here or elsewhere', async () => {
    const [here, elsewhere] = [written(pid, hostname()), written(process.pid, 'another.example')];
    expect(await FileLock.take(path('here', here))).toEqual({ pid, host: hostname() });
    expect(await FileLock.holder(path('here'))).toEqual({ pid, host: hostname() });
    expect(await FileLock.take(path('elsewhere', elsewhere))).toMatchObject({ host: 'another.example' });
    expect(readFileSync(path('here'), 'utf8') + readFileSync(path('elsewhere'), 'utf8')).toBe(here + elsewhere);
  });

  it.each(['', 'not a lock', `{"pid":${'9'.repeat(400)},"host":"${hostname()}"}\n`])(
    'is free where the file says nothing of use: %j',
    async (text) => {
      expect(await FileLock.take(path('unreadable', text))).toBeInstanceOf(FileLock);
    },
  );

  it('is free when its process has ended', async () => {
    const short = spawn(process.execPath, ['-e', '']);
    await once(short, 'close');
    expect(await FileLock.take(path('left', written(short.pid ?? 0, hostname())))).toBeInstanceOf(FileLock);
  });

  it('can be waited for', async () => {
    const file = path('waited', written(pid, hostname()));
    let free = false;
    const waiting = FileLock.wait(file).then((lock) => {
      expect(free).toBe(true);
      return lock;
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
    free = true;
    rmSync(file);
    await using lock = await waiting;
    expect(lock).toBeInstanceOf(FileLock);
  });
});

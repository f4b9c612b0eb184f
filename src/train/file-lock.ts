import { readFile, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { isSystemError } from '../models/save-file.js';

/** The process that holds a lock. */
export interface LockHolder {
  readonly pid: number;
  readonly host: string;
}

/**
 * The right of one process to work on something that others might work on too: a file with its number, removed when the
 * lock is disposed of. That of a process that died counts for nothing.
 */
export class FileLock implements AsyncDisposable {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /** @returns the holder, where there is one */
  static async take(path: string): Promise<FileLock | LockHolder> {
    for (;;) {
      try {
        await writeFile(path, `${JSON.stringify({ pid: process.pid, host: hostname() })}\n`, { flag: 'wx' });
        return new FileLock(path);
      } catch (error) {
        if (!isSystemError(error) || error.code !== 'EEXIST') throw error;
      }
      const holder = await readHolder(path);
      if (holder === 'gone') continue;
      if (holder && isAlive(holder)) return holder;
      await rm(path, { force: true });
    }
  }

  /** Another process that holds it. */
  static async holder(path: string): Promise<LockHolder | undefined> {
    const holder = await readHolder(path);
    return holder && holder !== 'gone' && isAlive(holder) ? holder : undefined;
  }

  /** Waits for it; for what takes a moment only. */
  static async wait(path: string): Promise<FileLock> {
    for (;;) {
      const lock = await FileLock.take(path);
      if (lock instanceof FileLock) return lock;
      await sleep(10);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return rm(this.#path, { force: true });
  }
}

async function readHolder(path: string): Promise<LockHolder | 'gone' | undefined> {
  // A file that has just been made may not have its text yet.
  for (const patience of [20, 200]) {
    const text = await readFile(path, 'utf8').catch((error: unknown) => {
      if (isSystemError(error) && error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (text === undefined) return 'gone';
    const [, pid, host] = /^\{"pid":(\d+),"host":"(.*)"\}\n$/.exec(text) ?? [];
    if (pid !== undefined) return { pid: Number(pid), host };
    await sleep(patience);
  }
  return undefined;
}

/** Of processes elsewhere nothing is known. One with our own number is gone: a container gives its processes the same ones again. */
function isAlive({ pid, host }: LockHolder): boolean {
  if (host !== hostname()) return true;
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return isSystemError(error) && error.code === 'EPERM';
  }
}

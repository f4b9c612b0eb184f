import { rmSync } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { lockDescriptor } from '../engine/native/index.js';
import { SaveError } from '../models/index.js';
import { isSystemError } from '../models/save-file.js';

/** The process that has a lock, as far as it said so. */
export interface LockHolder {
  readonly pid: number | undefined;
}

/**
 * The right to work on something that other processes might work on too: a locked file with the process's number in it, removed
 * when the lock is disposed of. The system takes the lock from a process that ends, however it ends.
 */
export class FileLock implements AsyncDisposable {
  readonly #path: string;
  readonly #file: FileHandle;

  private constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  /**
   * @returns the holder, where there is one
   * @throws SaveError if there can be no such file
   */
  static async take(path: string): Promise<FileLock | LockHolder> {
    // Who only looks whether a lock is free has it for a moment.
    for (let patience = 2; ; ) {
      const file = await open(path, 'a+').catch((error: unknown) => {
        throw unwritable(path, error);
      });
      try {
        if (lockDescriptor(file.fd)) {
          if (await isAt(path, file)) {
            await file.truncate();
            await file.write(`${process.pid}\n`);
            return new FileLock(path, file);
          }
          // The one before removed it in between.
          await file.close();
          continue;
        }
        patience -= 1;
        const holder = await holderIn(file);
        await file.close();
        if (patience === 0) return holder;
      } catch (error) {
        await file.close();
        throw unwritable(path, error);
      }
      await sleep(20);
    }
  }

  /** Who has it, without taking it. */
  static async holder(path: string): Promise<LockHolder | undefined> {
    let file: FileHandle;
    try {
      file = await open(path, 'r');
    } catch (error) {
      // Where there is no file, nobody has it; one that may not be read is found out about by who writes.
      if (isSystemError(error)) return undefined;
      throw error;
    }
    try {
      return lockDescriptor(file.fd) ? undefined : await holderIn(file);
    } finally {
      await file.close();
    }
  }

  /**
   * Waits for it.
   *
   * @param onWait told once, where it takes more than a moment
   */
  static async wait(path: string, onWait?: (holder: LockHolder) => void): Promise<FileLock> {
    for (let tries = 1; ; tries++) {
      const lock = await FileLock.take(path);
      if (lock instanceof FileLock) return lock;
      if (tries === 20) onWait?.(lock);
      await sleep(20);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Removed while it is still ours: who opened it meanwhile sees that it is gone.
    rmSync(this.#path, { force: true });
    await this.#file.close();
  }
}

function unwritable(path: string, error: unknown): unknown {
  if (!isSystemError(error)) return error;
  return new SaveError(`${path}: cannot be written: ${error.message}`, 'name another directory', error);
}

/** Whether this is the file that has the path now. */
async function isAt(path: string, file: FileHandle): Promise<boolean> {
  const own = await file.stat();
  const there = await stat(path).catch(() => undefined);
  return there?.ino === own.ino && there.dev === own.dev;
}

async function holderIn(file: FileHandle): Promise<LockHolder> {
  const [, pid] = /^(\d{1,10})\n$/.exec(await file.readFile('utf8')) ?? [];
  return { pid: pid === undefined ? undefined : Number(pid) };
}

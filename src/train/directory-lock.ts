import { mkdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { InputError } from '../engine/index.js';
import { SaveError } from '../models/index.js';
import { FileLock, type LockHolder } from './file-lock.js';

/** In a run's directory while a process trains there. */
const lockName = 'training.lock';

/**
 * Makes a run's directory this process's own: two that train there would write over each other's checkpoints.
 *
 * @throws InputError if another one trains there
 * @throws SaveError if nothing can be written there
 */
export async function lockDirectory(directory: string): Promise<AsyncDisposable> {
  const path = join(directory, lockName);
  let taken: Awaited<ReturnType<typeof FileLock.take>>;
  try {
    await mkdir(directory, { recursive: true });
    taken = await FileLock.take(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SaveError(`${directory}: cannot be written to: ${reason}`, 'name another directory', error);
  }
  if (taken instanceof FileLock) return taken;
  throw busy(directory, taken);
}

/**
 * Refuses a directory whose files are another process's.
 *
 * @throws InputError if another one trains there
 */
export async function requireIdle(directory: string): Promise<void> {
  const holder = await FileLock.holder(join(directory, lockName));
  if (holder) throw busy(directory, holder);
}

function busy(directory: string, { pid, host }: LockHolder): InputError {
  const elsewhere = host !== hostname();
  return new InputError(
    `${directory}: process ${pid}${elsewhere ? ` on ${host}` : ''} trains there`,
    elsewhere
      ? `if it does not any more, remove ${join(directory, lockName)}`
      : 'wait for it, or name another directory',
  );
}

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../engine/index.js';
import { SaveError } from '../models/index.js';
import { isSystemError } from '../models/save-file.js';
import { FileLock, type LockHolder } from './file-lock.js';

/** In a run's directory while a process trains there. */
const lockName = 'training.lock';

/**
 * Makes a run's directory this trainer's own: two that train there would write over each other's checkpoints.
 *
 * @throws InputError if another one trains there
 * @throws SaveError if nothing can be written there
 */
export async function lockDirectory(directory: string): Promise<AsyncDisposable> {
  try {
    await mkdir(directory, { recursive: true });
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new SaveError(`${directory}: cannot be made: ${error.message}`, 'name another directory', error);
  }
  const taken = await FileLock.take(join(directory, lockName));
  if (taken instanceof FileLock) return taken;
  throw busy(directory, taken);
}

/**
 * Refuses a directory whose files are another trainer's.
 *
 * @throws InputError if one trains there
 */
export async function requireIdle(directory: string): Promise<void> {
  const holder = await FileLock.holder(join(directory, lockName));
  if (holder) throw busy(directory, holder);
}

function busy(directory: string, { pid }: LockHolder): InputError {
  return new InputError(
    `${directory}: ${pid === undefined ? 'another process' : `process ${pid}`} trains there`,
    'wait for it, or name another directory',
  );
}

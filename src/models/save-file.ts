import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CompactError } from '../engine/errors.js';

/** A file could not be written (disk full, no permission). What stood there before is untouched. */
export class SaveError extends CompactError {
  constructor(message: string, hint?: string, cause?: unknown) {
    super(message, { code: 'SAVE_FAILED', exitCode: 1, hint, cause });
  }
}

/** Whether the operating system refused a call, as opposed to an error in our own code. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException & { code: string } {
  return error instanceof Error && 'syscall' in error && 'code' in error && typeof error.code === 'string';
}

/** Where {@link replaceFile} writes before it renames; of this process alone, so that two writers do not mix. */
export function temporaryPath(path: string): string {
  return `${path}.${process.pid}.tmp`;
}

/**
 * Replaces a file as a whole: writes beside it, forces the bytes to disk, renames. A kill or a full disk at any moment
 * leaves the earlier file as it was.
 *
 * @param write writes the new content through the handle; what it throws is passed on, after cleaning up
 * @throws SaveError if the operating system refuses (disk full, no such directory, no permission)
 */
export async function replaceFile(path: string, write: (file: FileHandle) => Promise<void>): Promise<void> {
  const temporary = temporaryPath(path);
  try {
    const file = await open(temporary, 'w');
    try {
      await write(file);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncDirectory(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw isSystemError(error) ? saveError(path, error) : error;
  }
}

/** As {@link replaceFile}, for content that is at hand. */
export async function replaceFileWith(path: string, content: string | Uint8Array): Promise<void> {
  await replaceFile(path, (file) => file.writeFile(content));
}

/** Writes all bytes at the handle's position, however many calls the system needs for it. */
export async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  let done = 0;
  while (done < bytes.byteLength) {
    // One write of 2 GiB and more is refused or cut by the system, so it is cut here.
    const length = Math.min(bytes.byteLength - done, 2 ** 26);
    done += (await file.write(bytes, done, length)).bytesWritten;
  }
}

/** Makes the rename itself last. Some file systems refuse to sync a directory; the content is on disk by then. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r').catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}

function saveError(path: string, error: NodeJS.ErrnoException & { code: string }): SaveError {
  const reasons: Record<string, string> = {
    ENOSPC: 'the disk is full',
    EDQUOT: 'the disk quota is used up',
    EFBIG: 'the file would be larger than allowed',
    EACCES: 'permission denied',
    EPERM: 'permission denied',
    EROFS: 'the file system is read-only',
    ENOENT: 'the directory does not exist',
    ENOTDIR: 'its parent is not a directory',
    EISDIR: 'it is a directory',
  };
  const reason = reasons[error.code] ?? error.message;
  const hint =
    error.code === 'ENOSPC' || error.code === 'EDQUOT'
      ? 'free some space and run again; an earlier file of this name is unharmed'
      : undefined;
  return new SaveError(`${path}: cannot be written: ${reason}`, hint, error);
}

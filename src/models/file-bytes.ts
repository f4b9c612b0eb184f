import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { CheckpointError } from './checkpoint-error.js';
import { isSystemError } from './save-file.js';

/**
 * A checkpoint file read in pieces by position. Deliberately no memory map: if another program truncates a mapped file,
 * touching the lost pages kills the process; a positional read returns less and becomes an error with a name.
 */
export class CheckpointBytes implements Disposable {
  readonly byteLength: number;

  private constructor(
    readonly path: string,
    private readonly descriptor: number,
  ) {
    this.byteLength = fstatSync(descriptor).size;
  }

  /** @throws CheckpointError if the file cannot be opened */
  static open(path: string): CheckpointBytes {
    try {
      const bytes = new CheckpointBytes(path, openSync(path, 'r'));
      if (!fstatSync(bytes.descriptor).isFile()) {
        bytes.close();
        throw new CheckpointError(`${path}: not a file`);
      }
      return bytes;
    } catch (error) {
      if (!isSystemError(error)) throw error;
      throw new CheckpointError(
        `${path}: ${error.code === 'ENOENT' ? 'no such file' : error.message}`,
        undefined,
        error,
      );
    }
  }

  /**
   * A fresh copy of `byteLength` bytes at `position`. The caller checks the range against {@link byteLength} first, so
   * that a wrong header cannot ask for memory.
   *
   * @param what how an error names the part
   */
  read(position: number, byteLength: number, what: string): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(byteLength);
    let done = 0;
    while (done < byteLength) {
      // One read of 2 GiB and more is refused by the system.
      const count = readSync(this.descriptor, bytes, done, Math.min(byteLength - done, 2 ** 26), position + done);
      if (count === 0) throw new CheckpointError(`${this.path}: ${what}: truncated while it was being read`);
      done += count;
    }
    return bytes;
  }

  close(): void {
    closeSync(this.descriptor);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

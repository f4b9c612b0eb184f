import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { temporaryDirectory } from './temporary-directory.js';

/**
 * A file system of a few megabytes, mounted in a namespace of its own: it is gone with the shell that made it, and that ends
 * with its standard input, however the tests end.
 */
export interface SmallDisk {
  /** A directory on it, as other processes reach it. */
  readonly path: string;
  resize(size: string): Promise<void>;
  close(): Promise<void>;
}

/** Undefined where such a thing needs more rights. */
export async function openSmallDisk(size: string): Promise<SmallDisk | undefined> {
  const mountPoint = temporaryDirectory();
  const shell = spawn('unshare', ['--mount', 'sh'], { stdio: ['pipe', 'pipe', 'ignore'] });
  const ended = new Promise<undefined>((resolve) => {
    for (const event of ['exit', 'error']) shell.once(event, () => resolve(undefined));
  });
  const answers = createInterface(shell.stdout)[Symbol.asyncIterator]();
  // Where there is no shell to write to, there is no answer either.
  shell.stdin.on('error', () => undefined);
  const mount = async (options: string) => {
    shell.stdin.write(`mount ${options} '${mountPoint}' && echo mounted || echo refused\n`);
    return (await Promise.race([answers.next(), ended]))?.value === 'mounted';
  };
  const close = async () => {
    shell.stdin.end();
    await ended;
  };
  if (!(await mount(`-t tmpfs -o size=${size} tmpfs`))) {
    await close();
    return undefined;
  }
  return {
    path: `/proc/${shell.pid}/root${mountPoint}`,
    async resize(to) {
      if (!(await mount(`-o remount,size=${to}`))) throw new Error(`${mountPoint} cannot have ${to}`);
    },
    close,
  };
}

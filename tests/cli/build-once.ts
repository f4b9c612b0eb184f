import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/** Before any test, in one process: brings `dist/` up to the sources, since tests of the command line run what is there. */
export default function buildOnce(): void {
  const script = join(import.meta.dirname, '..', '..', 'scripts', 'build.mjs');
  execFileSync(process.execPath, [script, '--no-native'], { stdio: ['ignore', 'ignore', 'inherit'] });
}

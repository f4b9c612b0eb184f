// Builds the package: TypeScript into dist/, the C++ engine into build/. Run by npm in a clone (`prepare`).
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');

function run(...args) {
  return spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' }).status ?? 1;
}

const status = run(compiler, '-p', 'tsconfig.build.json');
if (status !== 0) process.exit(status);
const bin = join(root, 'dist', 'cli', 'main.js');
if (existsSync(bin)) {
  chmodSync(bin, 0o755);
  // npm links the commands of dependencies, not the package's own: this lets `npx compact` work in a clone.
  const link = join(root, 'node_modules', '.bin', 'compact');
  rmSync(link, { force: true });
  if (process.platform !== 'win32') symlinkSync(join('..', '..', 'dist', 'cli', 'main.js'), link);
}
// Without a compiler the slow reference engine still works, so a failure here is a message, not an error.
run(join(root, 'scripts', 'build-native.mjs'));

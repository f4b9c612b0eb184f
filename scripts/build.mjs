// Compiles src/ to dist/ and native/ to the addon; npm runs it as `prepare`. Quick when nothing changed.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

function run(...args) {
  return spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' }).status === 0;
}

const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
if (!existsSync(compiler)) {
  console.error('compact-llm: typescript is not installed; run npm ci first');
  process.exit(1);
}
if (!run(compiler, '-p', 'tsconfig.build.json')) process.exit(1);
// npx links the program to this file, which must be executable for that.
chmodSync(join(root, 'dist', 'cli', 'main.js'), 0o755);
// Without a compiler the reference engine is still there, so this must not stop an installation.
const native = join(root, 'scripts', 'build-native.mjs');
if (existsSync(native)) run(native);

// Compiles src/ to dist/ and native/ to the addon; npm runs it as `prepare`. Quick when nothing changed.
//   --no-native   leaves the addon as it is
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');
const program = join(dist, 'cli', 'main.js');
const stampFile = join(root, 'build', 'dist.stamp');
const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');

function run(...args) {
  return spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' }).status === 0;
}

/** Changes when a source, the compiler or its settings do. */
function stampOf() {
  const settings = ['tsconfig.json', 'tsconfig.build.json', 'node_modules/typescript/package.json'];
  const sources = readdirSync(join(root, 'src'), { recursive: true }).filter((name) => name.endsWith('.ts'));
  const hash = createHash('sha256');
  for (const file of [...settings, ...sources.sort().map((name) => join('src', name))]) {
    hash.update(`\n${file}\n`).update(readFileSync(join(root, file)));
  }
  return hash.digest('hex');
}

/** Removes what earlier builds left of sources that are gone. */
function removeOrphans() {
  for (const name of readdirSync(dist, { recursive: true })) {
    const source = name.replace(/\.(d\.ts|js|js\.map)$/, '.ts');
    if (source !== name && !existsSync(join(root, 'src', source))) rmSync(join(dist, name));
  }
}

function compile() {
  const stamp = stampOf();
  const known = existsSync(program) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp;
  if (known) return;
  if (!run(compiler, '-p', 'tsconfig.build.json')) process.exit(1);
  removeOrphans();
  // npx links the program to this file, which must be executable for that.
  chmodSync(program, 0o755);
  mkdirSync(dirname(stampFile), { recursive: true });
  writeFileSync(stampFile, stamp);
}

if (!existsSync(compiler)) {
  console.error('compact-llm: typescript is not installed; run npm ci first');
  process.exit(1);
}
compile();
// Without a C++ compiler the reference engine is still there, so that is a message only; a compiler that fails is a failure.
const native = join(root, 'scripts', 'build-native.mjs');
if (existsSync(native) && !process.argv.includes('--no-native') && !run(native)) process.exit(1);

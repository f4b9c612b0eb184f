// npm run bench [-- --only NAME,NAME] [--rounds N] [--out DIR]
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { race } from './rounds.mjs';
import { gemmTable, opsTable, stepTable, summarize } from './tables.mjs';
import { workloads } from './workloads.mjs';

const program = join(import.meta.dirname, '..', 'dist', 'cli', 'main.js');

/** Benches of the command line, whose own JSON is kept. */
const commands = { gemm: ['bench', 'gemm'], ops: ['bench', 'ops'] };
const names = [...Object.keys(workloads), ...Object.keys(commands)];

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: names.join(',') },
    rounds: { type: 'string', default: '9' },
    out: { type: 'string', default: join(import.meta.dirname, 'results') },
  },
});
const chosen = values.only.split(',');
const rounds = Number(values.rounds);
const unknown = chosen.filter((name) => !names.includes(name));
if (unknown.length > 0 || !Number.isInteger(rounds) || rounds < 1) {
  console.error(unknown.length > 0 ? `error: no bench ${unknown.join(', ')}` : 'error: --rounds takes a whole number');
  console.error(`hint: --only takes ${names.join(', ')}`);
  process.exit(2);
}

const tell = (text) => process.stderr.write(`${text}\n`);
const result = {
  machine: `${cpus()[0]?.model.trim()}, ${cpus().length} cores, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, Node ${process.version}`,
  rounds,
  loadBefore: loadavg()[0],
  steps: [],
  gemm: undefined,
  ops: undefined,
  loadAfter: 0,
};
for (const name of chosen.filter((each) => workloads[each])) {
  const { title, workload, participants } = workloads[name];
  tell(title);
  result.steps.push({ name, title, workload, entries: summarize(await race(participants, workload, rounds, tell)) });
}
for (const name of Object.keys(commands)) if (chosen.includes(name)) result[name] = runCommand(commands[name]);
result.loadAfter = loadavg()[0];

const load = `${result.loadBefore.toFixed(1)} before, ${result.loadAfter.toFixed(1)} after`;
const page = [
  '# Bench',
  `${result.machine}. ${rounds} interleaved rounds; medians; load ${load}. Above 0.5 before on an otherwise idle machine: do not quote.`,
  ...result.steps.filter(({ entries }) => entries[0].seconds).map(stepTable),
  ...(result.gemm ? [gemmTable(result.gemm)] : []),
  ...(result.ops ? [opsTable(result.ops)] : []),
].join('\n\n');
mkdirSync(values.out, { recursive: true });
writeFileSync(join(values.out, 'bench.json'), `${JSON.stringify(result, null, 1)}\n`);
writeFileSync(join(values.out, 'bench.md'), `${page}\n`);
process.stdout.write(`${page}\n`);

function runCommand(args) {
  tell(args.join(' '));
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args, '--json'], { encoding: 'utf8' });
  if (status === 0) return JSON.parse(stdout);
  tell(stderr.trim());
  return undefined;
}

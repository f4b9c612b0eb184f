// Trains the same small LLaMA on the shipped stories three times and writes runs/demo/report.html.
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
// Relative to the root, where the commands run: reports should not name a machine's folders.
const out = 'runs/demo';
const data = 'demo/tinystories.txt.gz';
const tokenizer = `${out}/tokenizer`;

function compact(...args) {
  const main = join(root, 'dist', 'cli', 'main.js');
  const { status } = spawnSync(process.execPath, [main, ...args], { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

const build = spawnSync(process.execPath, [join(root, 'scripts', 'build.mjs')], { cwd: root, stdio: 'inherit' });
if (build.status !== 0) process.exit(build.status ?? 1);
rmSync(join(root, out), { recursive: true, force: true });
compact('tokenizer', 'train', '--data', data, '--vocab-size', '2048', '--out', tokenizer);
compact(
  ...['compare', '--model', 'demo/config.json', '--data', data, '--tokenizer', tokenizer],
  ...['--methods', 'full,lean,compact', '--rank', 'n/4', '--out', out, '--title', 'Three ways to train the same model'],
  ...['--batch', '8', '--seq', '256', '--steps', '200', '--warmup', '20', '--clip', '1'],
  ...['--val-fraction', '0.05', '--max-eval-windows', '32', '--eval-every', '50', '--prompt', 'Once upon a time'],
);

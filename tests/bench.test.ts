import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { nativeMissing, nativeTitle } from './support/training.js';

const bench = join(import.meta.dirname, '..', 'bench');
const node = (args: readonly string[], input = '') =>
  spawnSync(process.execPath, args, { encoding: 'utf8', input, timeout: 60_000 });

describe('npm run bench', () => {
  it('refuses a bench that does not exist, and says which do', () => {
    const { status, stderr } = node([join(bench, 'run.mjs'), '--only', 'step-7t']);
    expect(status).toBe(2);
    expect(stderr).toMatch(/^error: no bench step-7t\nhint: --only takes step-60m, /);
  });

  it.skipIf(nativeMissing)(nativeTitle('steps our own engine on demand'), () => {
    const workload = {
      hidden: 64,
      mlp: 96,
      layers: 1,
      heads: 2,
      vocab: 50,
      batch: 1,
      seq: 16,
      dtype: 'f32',
      threads: 1,
    };
    const script = join(bench, 'peers', 'compact.mjs');
    const args = [script, JSON.stringify(workload), JSON.stringify({ methods: 'lean+compact-shared' })];
    const { status, stdout, stderr } = node(args, 'step\nstep\nend\n');
    expect(status, stderr).toBe(0);
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
    expect(lines).toMatchObject([
      { ready: { methods: 'lean+compact-shared' } },
      { seconds: expect.any(Number) },
      { seconds: expect.any(Number) },
      { memory: { ledgerPeak: expect.any(Number), peakRss: expect.any(Number) } },
    ]);
  });
});

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { compact, compactJson, refusal, start, workshop } from './command.js';

const row = z.object({
  method: z.string(),
  lr: z.number(),
  seed: z.number(),
  steps: z.number(),
  loss: z.number().optional(),
  peak: z.number(),
  savedPeak: z.number(),
  sameAs: z.string(),
});
const result = z.object({ interrupted: z.boolean(), rows: z.array(row) });

const { directory, common } = workshop();
const study = (out: string, ...more: readonly string[]) => [
  ...['study', 'pretrain', ...common, '--val-fraction', '0.2', '--steps', '12', '--seeds', '3,4'],
  ...['--lrs', '0.01,0.02', '--methods', 'lean,checkpoint,compact@n/4', '--out', out, ...more],
];
const table = (out: string) => readFileSync(join(directory, out, 'study.csv'), 'utf8');
const lines = (out: string) => table(out).trimEnd().split('\n');

describe('compact study pretrain', () => {
  let rows: z.infer<typeof row>[];
  beforeAll(async () => {
    rows = result.parse(await compactJson(directory, ...study('whole'))).rows;
  });

  it('tries all rates with the first seed and the best with the others', () => {
    for (const method of ['lean', 'compact@n/4']) {
      const own = rows.filter((each) => each.method === method);
      const first = own.filter(({ seed }) => seed === 3);
      const best = first.toSorted((a, b) => (a.loss ?? Number.NaN) - (b.loss ?? Number.NaN))[0];
      expect(first).toHaveLength(3);
      expect(own.filter(({ seed }) => seed === 4).map(({ lr }) => lr)).toEqual([best.lr]);
      for (const { steps, loss } of own) expect([steps, Number(loss) < Math.log(257)]).toEqual([12, true]);
    }
  });

  it('divides the rates of sketches by alpha', () => {
    const rates = rows.filter(({ method, seed }) => method === 'compact@n/4' && seed === 3).map(({ lr }) => lr);
    expect(rates.slice(0, 2)).toEqual([0.04, 0.08]);
  });

  it('trains what repeats another method bit by bit once, and has its bytes', () => {
    const own = rows.filter(({ method }) => method === 'checkpoint');
    expect(own).toMatchObject([{ sameAs: 'lean', seed: 3 }]);
    expect(own[0].savedPeak).toBeLessThan(rows[0].savedPeak);
  });

  it('leaves a table, a page with charts, and no runs', () => {
    expect(lines('whole')).toHaveLength(rows.length + 1);
    const page = readFileSync(join(directory, 'whole', 'study.md'), 'utf8');
    expect(page).toContain('| `checkpoint` (the bits of `lean`) |');
    for (const file of ['loss-by-method.svg', 'loss-by-memory.svg']) {
      expect(page).toContain(file);
      expect(existsSync(join(directory, 'whole', file))).toBe(true);
    }
  });

  it('repeats nothing, and gives lost rows again as they were', async () => {
    const losses = (text: readonly string[]) => text.map((line) => line.split(',').slice(0, 8).join(',')).toSorted();
    const before = lines('whole');
    await compactJson(directory, ...study('whole'));
    expect(lines('whole')).toEqual(before);
    writeFileSync(join(directory, 'whole', 'study.csv'), `${before.slice(0, 3).join('\n')}\n${before[3].slice(0, 9)}`);
    await compactJson(directory, ...study('whole'));
    expect(losses(lines('whole'))).toEqual(losses(before));
  });

  it('goes on after an interrupt', async () => {
    const long = study('stopped', '--steps', '400');
    const running = start(directory, ...long);
    while (!existsSync(join(directory, 'stopped', 'study.csv')) || lines('stopped').length < 2) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    running.process.kill('SIGINT');
    const { code, stderr } = await running.outcome;
    expect(code, stderr).toBe(130);
    expect(stderr).toContain('the same command goes on');
    const kept = lines('stopped');
    await compactJson(directory, ...long, '--methods', 'lean');
    expect(lines('stopped').slice(0, kept.length)).toEqual(kept);
  });

  it('is shared by processes that are started with the same command', async () => {
    const long = (out: string) => study(out, '--steps', '300');
    const both = [1, 2].map(() => start(directory, ...long('shared')).outcome);
    const alone = compactJson(directory, ...long('alone'));
    const told = (await Promise.all(both)).map(({ code, stderr }) => {
      expect(code, stderr).toBe(0);
      return stderr.split('\n').filter((line) => /, seed \d+: |: the losses of /.test(line));
    });
    await alone;
    for (const own of told) expect(own.length).toBeGreaterThan(0);
    expect(told.flat()).toHaveLength(lines('shared').length - 1);
    const outcomes = (out: string) =>
      lines(out)
        .map((line) => line.split(',').toSpliced(8, 1).join())
        .toSorted();
    expect(outcomes('shared')).toEqual(outcomes('alone'));
    expect(readdirSync(join(directory, 'shared'), { recursive: true }).join()).not.toContain('lock');
  });

  it('shows the table', async () => {
    const { code, stdout } = await compact(directory, ...study('whole'));
    expect(code).toBe(0);
    expect(stdout).toContain('| method | loss | seeds | against `lean` |');
  });
});

describe('a study that cannot be', () => {
  it.each<[string[], RegExp]>([
    [['--methods', 'lean,full+lean'], /"full\+lean": methods full and lean exclude each other/],
    [['--methods', 'compact@0'], /--rank: expected a whole number/],
    [['--methods', 'lean,lean'], /"lean" comes twice/],
    [['--methods', 'lean:momentum=0.9'], /"lean:momentum=0.9": --momentum has no meaning here/],
    [['--lrs', '0.1,fast'], /--lrs: expected a number above 0, found "fast"/],
    [['--seeds', 'one'], /--seeds: expected whole numbers/],
    [['--tokens-per-parameter', '0'], /--tokens-per-parameter: expected a number above 0/],
    [['--steps', '0'], /--steps: expected a whole number of at least 1/],
    [['--seq', '64'], /--seq: sequences of 64 tokens are longer than the 32/],
  ])('%j', async (options, sentence) => {
    expect((await refusal(2, directory, ...study('refused', ...options))).error).toMatch(sentence);
    expect(existsSync(join(directory, 'refused', 'study.csv'))).toBe(false);
  });

  it('without held-out text', async () => {
    const options = ['study', 'pretrain', ...common, '--out', 'refused'];
    expect((await refusal(2, directory, ...options)).error).toMatch(/losses on held-out text/);
  });

  it('with other settings than the rows that are there', async () => {
    const other = study('stopped', '--steps', '13');
    expect((await refusal(2, directory, ...other)).error).toMatch(/study.json: the rows there come from another model/);
  });
});

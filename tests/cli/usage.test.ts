import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { writeTo } from '../support/temporary-directory.js';
import { compact, compactJson, refusal, workshop } from './command.js';

const { directory, common } = workshop();

describe('compact', () => {
  it('lists its commands', async () => {
    const { code, stdout } = await compact(directory, '--help');
    expect(code).toBe(0);
    for (const name of [
      'pretrain',
      'finetune',
      'predict',
      'compare',
      'plan',
      'paper',
      'eval',
      'generate',
      'tokenizer',
      'convert',
      'doctor',
      'bench',
    ]) {
      expect(stdout).toContain(name);
    }
  });

  it('lists the options of a command', async () => {
    const { code, stdout } = await compact(directory, 'pretrain', '--help');
    expect(code).toBe(0);
    expect(stdout).toContain('1e-3');
    for (const option of ['--model', '--update-gap', '--min-lr-ratio', '--resume', '--json', '--config']) {
      expect(stdout).toContain(option);
    }
  });

  it('names its version', async () => {
    const { version }: { version: string } = JSON.parse(readFileSync('package.json', 'utf8'));
    expect((await compact(directory, '--version')).stdout.trim()).toBe(version);
  });

  it('refuses what it does not know, and says what may have been meant', async () => {
    expect(await refusal(2, directory, 'pretrian')).toEqual({
      error: "unknown command 'pretrian'",
      hint: 'Did you mean pretrain?',
    });
    expect(await refusal(2, directory, 'plan', '--modle', 'llama-9m')).toEqual({
      error: "unknown option '--modle'",
      hint: 'Did you mean --model?',
    });
    expect((await refusal(2, directory, 'tokenizer')).error).toBe('a command is missing');
    expect((await refusal(2, directory, 'plan', '--model')).error).toContain('argument missing');
    expect((await refusal(2, directory, 'plan')).error).toBe('--model is missing');
    expect((await refusal(2, directory, 'pretrain', ...common, '--lr', '-1', '--out', 'x')).error).toBe(
      '--lr: expected a number above 0, found "-1"',
    );
    const precision = ['plan', '--model', 'llama-9m', '--master-weights'] as const;
    expect((await refusal(2, directory, ...precision)).error).toBe('--master-weights has no meaning for f32 weights');
  });

  it('shows a stack with --debug only', async () => {
    const plain = await compact(directory, 'plan', '--model', 'nowhere');
    const debug = await compact(directory, 'plan', '--model', 'nowhere', '--debug');
    expect(plain.stderr).not.toContain('    at ');
    expect(debug.stderr).toContain('    at ');
    expect(debug.code).toBe(2);
  });
});

describe('a config file', () => {
  it('holds options under their names, and flags win', async () => {
    writeTo(
      directory,
      'run.yaml',
      'model: llama-9m\nbatch: 2\nseq: 32\nmethod: [compact, checkpoint]\nupdate-gap: never\n',
    );
    const result = z.object({ plan: z.object({ methods: z.array(z.string()), sketches: z.looseObject({}) }) });
    const yaml = result.parse(await compactJson(directory, 'plan', '--config', 'run.yaml'));
    expect(yaml.plan).toMatchObject({ methods: ['checkpoint', 'compact'], sketches: { updateGap: null } });

    writeTo(
      directory,
      'run.json',
      JSON.stringify({ model: 'llama-9m', batch: 2, seq: 32, updateGap: 7, method: 'compact' }),
    );
    const json = result.parse(await compactJson(directory, 'plan', '--config', 'run.json', '--update-gap', '9'));
    expect(json.plan.sketches).toMatchObject({ updateGap: 9 });
    const flags = ['--model', 'llama-9m', '--batch', '2', '--seq', '32', '--update-gap', '9', '--method', 'compact'];
    expect(json).toEqual(result.parse(await compactJson(directory, 'plan', ...flags)));
  });

  it('is refused when it has unknown names or cannot be read', async () => {
    writeTo(directory, 'unknown.json', JSON.stringify({ model: 'llama-9m', learningRate: 1 }));
    expect((await refusal(2, directory, 'plan', '--config', 'unknown.json')).error).toBe(
      'config file: unknown option "learningRate"',
    );
    writeTo(directory, 'broken.json', '{"model": ');
    expect((await refusal(2, directory, 'plan', '--config', 'broken.json')).error).toContain('broken.json');
    expect((await refusal(2, directory, 'plan', '--config', 'missing.json')).error).toContain('missing.json');
  });
});

describe('compact paper', () => {
  const row = z.looseObject({
    model: z.string(),
    method: z.string(),
    published: z.number().nullable(),
    derived: z.number(),
  });

  it('prints published figures beside derived ones', async () => {
    const { rows } = z.object({ rows: z.array(row) }).parse(await compactJson(directory, 'paper', 'table3'));
    const peak = rows.find(({ method, component }) => method === 'compact n/4' && component === 'peak');
    expect(peak?.published).toBe(34.71);
    expect(peak?.derived).toBeCloseTo(34.58, 1);
    expect((await compact(directory, 'paper', 'table3')).stdout).toContain('34.71');
  });

  it('refuses a table that it does not have', async () => {
    expect((await refusal(2, directory, 'paper', 'table9')).hint).toMatch(/table2, table3/);
    expect((await refusal(2, directory, 'paper')).error).toContain('table');
  });
});

describe('compact plan', () => {
  const bytes = z.number().int().nonnegative();

  it('tells bytes by role that add up to the peak', async () => {
    const result = await compactJson(directory, 'plan', '--model', 'llama-60m', '--batch', '4', '--seq', '256');
    const { peak, byRole, flops } = z
      .object({ peak: bytes, byRole: z.record(z.string(), bytes), flops: bytes, plan: z.looseObject({}) })
      .parse(result);
    expect(Object.values(byRole).reduce((sum, role) => sum + role, 0)).toBe(peak);
    expect(flops).toBeGreaterThan(1e11);
  });

  it('shows tables to people', async () => {
    const { stdout } = await compact(directory, 'plan', '--model', 'llama-60m', '--method', 'compact');
    expect(stdout).toContain('saved activations');
    expect(stdout).toContain('layers.*.mlp.down_proj.input (8)');
  });

  it('shows all methods side by side', async () => {
    const result = await compactJson(directory, 'plan', '--model', 'llama-60m', '--compare', '--memory', '1GiB');
    const { rows } = z
      .object({
        rows: z.array(
          z.object({ method: z.string(), peak: bytes, savedPeak: bytes, fits: z.boolean(), onFront: z.boolean() }),
        ),
      })
      .parse(result);
    const peakOf = (name: string) => rows.find(({ method }) => method === name)?.peak ?? Number.NaN;
    expect(peakOf('lean')).toBeLessThan(peakOf('full'));
    expect(peakOf('compact')).toBeLessThan(peakOf('lean'));
    const onFront = rows.filter((row) => row.onFront).map(({ method }) => method);
    expect(onFront).not.toContain('full');
    expect(onFront.length).toBeGreaterThan(1);
  });

  it('takes a plan document that another run wrote', async () => {
    const planned = await compactJson(directory, 'plan', '--model', 'llama-9m', '--method', 'compact', '--rank', '1/8');
    const { plan } = z.object({ plan: z.unknown() }).parse(planned);
    writeTo(directory, 'plan.json', JSON.stringify(plan));
    expect(await compactJson(directory, 'plan', '--model', 'llama-9m', '--plan', 'plan.json')).toEqual(planned);
    const { error } = await refusal(2, directory, 'plan', '--model', 'llama-9m', '--plan', 'plan.json', '--rank', '4');
    expect(error).toBe('--plan and --rank exclude each other');
  });

  it('chooses the cheapest plan within a budget', async () => {
    const shape = ['--model', 'llama-60m', '--batch', '4'];
    const chosen = z.object({ peak: bytes, arenaBytes: bytes, seconds: z.number(), plan: z.looseObject({}) });
    const tight = chosen.parse(await compactJson(directory, 'plan', ...shape, '--memory', '900MiB'));
    const ample = chosen.parse(await compactJson(directory, 'plan', ...shape, '--memory', '4GiB'));
    expect(tight.arenaBytes).toBeLessThanOrEqual(900 * 2 ** 20);
    expect(ample.peak).toBeGreaterThan(tight.peak);
    expect(ample.seconds).toBeLessThan(tight.seconds);
    writeTo(directory, 'fitted.json', JSON.stringify(tight.plan));
    const again = chosen.parse(await compactJson(directory, 'plan', ...shape, '--plan', 'fitted.json'));
    expect(again.peak).toBe(tight.peak);
    const { stdout } = await compact(directory, 'plan', ...shape, '--memory', '900MiB');
    expect(stdout).toMatch(/chosen within --memory: \+\d+ % of the time without recomputing/);
  });

  it('refuses a budget that is too small, and says what would do', async () => {
    const shape = ['--model', 'llama-60m', '--batch', '4'];
    const some = await refusal(2, directory, 'plan', ...shape, '--method', 'lean', '--memory', '900MiB');
    expect(some.error).toMatch(/^the plan needs .* the budget is 900 MiB$/);
    expect(some.hint).toContain('--method compact');
    // Methods that the other options exclude are not among what is proposed, and refuse nothing.
    const block = await refusal(2, directory, 'plan', ...shape, '--save-mode', 'block', '--memory', '600MiB');
    expect(block.error).toMatch(/^the plan needs .* the budget is 600 MiB$/);
    expect(block.hint).not.toContain('msnorm');
    const none = await refusal(2, directory, 'plan', '--model', 'llama-7b', '--method', 'lean', '--memory', '1GiB');
    expect(none.hint).toContain('the least is');
    const impossible = await refusal(2, directory, 'plan', ...shape, '--memory', '600MiB');
    expect(impossible.error).toMatch(/^no plan fits 600 MiB: the smallest possible takes \d+ MiB$/);
    expect(impossible.hint).toMatch(/raise --memory to \d+MiB.*--allow offload/);
    expect((await compact(directory, 'plan', ...shape, '--memory', '660MiB', '--allow', 'sketch')).code).toBe(0);
  });

  it('refuses what --allow does not know, or cannot widen', async () => {
    const shape = ['--model', 'llama-9m', '--allow'];
    expect((await refusal(2, directory, 'plan', ...shape, 'magic', '--memory', '9GiB')).error).toContain('magic');
    expect((await refusal(2, directory, 'plan', ...shape, 'sketch')).hint).toBe('add --memory');
    const { error } = await refusal(2, directory, 'plan', ...shape, 'sketch', '--memory', '9GiB', '--method', 'lean');
    expect(error).toContain('--allow widens');
  });
});

describe('compact doctor', () => {
  it('describes the machine', async () => {
    const result = await compactJson(directory, 'doctor');
    z.object({
      version: z.string(),
      node: z.string(),
      threads: z.number().int().positive(),
      memory: z.object({ total: z.number(), available: z.number() }),
      native: z.object({ available: z.boolean(), instructionSet: z.string().nullable() }),
      problems: z.array(z.object({ what: z.string(), remedy: z.string() })),
    }).parse(result);
  });
});

describe('compact tokenizer train', () => {
  it('writes a tokenizer that a run can use', async () => {
    await compactJson(directory, 'tokenizer', 'train', '--data', 'text.txt', '--vocab-size', '290', '--out', 'tok');
    expect(JSON.parse(readFileSync(join(directory, 'tok', 'tokenizer.json'), 'utf8'))).toHaveProperty('model');
    const { error } = await refusal(
      2,
      ...([directory, 'tokenizer', 'train', '--data', 'text.txt', '--vocab-size', '290', '--out', 'tok'] as const),
    );
    expect(error).toContain('holds a tokenizer already');
    const tooLarge = await refusal(
      2,
      ...[directory, 'pretrain', '--model', 'config.json', '--data', 'text.txt', '--tokenizer', 'tok'],
      ...['--out', 'large', '--seq', '16'],
    );
    expect(tooLarge).toEqual({
      error: "the tokenizer has 290 tokens, the model's vocabulary only 257",
      hint: 'add --vocab-size 290',
    });
  });
});

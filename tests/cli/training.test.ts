import { cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { noSharedData, onSharedData, sharedData } from '../support/shared-data.js';
import { nativeMissing, nativeTitle } from '../support/training.js';
import { checkpointStep, compact, compactJson, losses, refusal, start, untilStep, workshop } from './command.js';

const bytes = z.number().int().nonnegative();
const footprint = z.strictObject({ peak: bytes, byRole: z.record(z.string(), bytes) });

/** The `--json` result of a run as cli.md promises it. */
const runResult = z.object({
  steps: z.number().int(),
  tokens: z.number().int(),
  loss: z.number(),
  valLoss: z.number().nullable(),
  seconds: z.number().positive(),
  tokensPerSecond: z.number().positive(),
  memory: z.object({ predicted: footprint, measured: footprint, rss: z.object({ peak: bytes }) }),
  losses: z.array(z.number()),
});

describe('compact pretrain', () => {
  const { directory, common } = workshop();

  it('trains, and eval and generate use what it wrote', async () => {
    const run = join(directory, 'run');
    const options = [...common, '--steps', '60', '--lr', '1e-2', '--val-fraction', '0.2', '--method', 'compact'];
    const result = runResult.parse(await compactJson(directory, 'pretrain', ...options, '--out', 'run'));
    expect(result).toMatchObject({ steps: 60, tokens: 60 * 2 * 16 });
    expect(result.losses).toHaveLength(60);
    expect(result.losses[59]).toBe(result.loss);
    expect(result.loss).toBeLessThan(result.losses[0] - 1);
    expect(result.memory.measured).toEqual(result.memory.predicted);
    for (const file of [
      ...['plan.json', 'metrics.jsonl', 'config.json', 'model.safetensors', 'tokenizer.json'],
      ...['trainer_state.json', 'optimizer.safetensors', 'report.html'],
    ]) {
      expect(existsSync(join(run, file)), file).toBe(true);
    }

    const evaluation = z.object({ loss: z.number(), perplexity: z.number(), tokens: z.number() });
    const windows = evaluation.parse(
      await compactJson(directory, 'eval', '--model', 'run', '--data', 'text.txt', '--seq', '16'),
    );
    expect(windows.perplexity).toBeCloseTo(Math.exp(windows.loss), 6);
    expect(windows.loss).toBeLessThan(result.losses[0] - 1);
    const byDocument = evaluation.parse(
      await compactJson(directory, 'eval', '--model', 'run', '--data', 'text.txt', '--by-document'),
    );
    expect(byDocument.tokens).toBe(32);

    const generate = ['generate', '--model', 'run', '--prompt', 'The cat', '--max-tokens', '12', '--seed', '3'];
    const text = z
      .object({ prompt: z.literal('The cat'), text: z.string() })
      .parse(await compactJson(directory, ...generate));
    expect(await compact(directory, ...generate)).toMatchObject({ code: 0, stdout: `The cat${text.text}\n` });
  });

  it('does not train over an earlier run, and has nothing to do in one that is complete', async () => {
    const options = [...common, '--steps', '4', '--out', 'twice'];
    const first = runResult.parse(await compactJson(directory, 'pretrain', ...options));
    const weights = readFileSync(join(directory, 'twice', 'model.safetensors'));
    const { error, hint } = await refusal(2, directory, 'pretrain', ...options);
    expect(error).toBe('twice: holds a run already');
    expect(hint).toContain('--resume');
    const again = runResult.parse(await compactJson(directory, 'pretrain', ...options, '--resume'));
    expect(again).toEqual(first);
    expect(readFileSync(join(directory, 'twice', 'model.safetensors'))).toEqual(weights);
  });

  it('does not resume with other options', async () => {
    const options = [...common, '--steps', '4', '--resume', '--out', 'other'];
    await compactJson(directory, 'pretrain', ...options);
    expect((await refusal(2, directory, 'pretrain', ...options, '--lr', '0.5')).error).toContain('learningRate');
    expect((await refusal(2, directory, 'pretrain', ...options, '--order', 'sequential')).error).toContain(
      'other data',
    );
  });

  it('starts from given weights', async () => {
    await compactJson(directory, 'pretrain', ...common, '--steps', '20', '--lr', '1e-2', '--out', 'base');
    const options = ['pretrain', ...common, '--steps', '2', '--warmup', '0'];
    const fresh = runResult.parse(await compactJson(directory, ...options, '--out', 'fresh'));
    const tuned = runResult.parse(await compactJson(directory, ...options, '--init', 'base', '--out', 'tuned'));
    expect(tuned.losses[0]).toBeLessThan(fresh.losses[0] - 0.5);
  });

  it('says nothing with --quiet and draws no line without a terminal', async () => {
    const quiet = await compact(directory, 'pretrain', ...common, '--steps', '2', '--quiet', '--out', 'quiet');
    expect(quiet).toMatchObject({ code: 0, stderr: '' });
    const plain = await compact(directory, 'pretrain', ...common, '--steps', '2', '--out', 'plain');
    expect(plain.stderr).toContain('step 2/2');
    expect(plain.stderr).not.toContain('\u001b');
  });
});

describe('a run that is cut off', () => {
  const { directory, common } = workshop();
  const steps = 120;
  const options = [
    ...['pretrain', ...common, '--method', 'compact', '--update-gap', '7', '--accumulate', '2', '--clip', '1'],
    ...['--steps', `${steps}`, '--save-every', '5', '--lr', '1e-2'],
  ];
  const whole = compactJson(directory, ...options, '--out', 'whole').then((result) => runResult.parse(result));

  async function expectSameAsWhole(name: string): Promise<void> {
    const resumed = runResult.parse(await compactJson(directory, ...options, '--out', name, '--resume'));
    expect(resumed.losses).toEqual((await whole).losses);
    for (const file of ['model.safetensors', 'optimizer.safetensors']) {
      const [ours, theirs] = [name, 'whole'].map((run) => readFileSync(join(directory, run, file)));
      expect(ours.equals(theirs), file).toBe(true);
    }
  }

  it('goes on to the same bits after kills at random steps', async () => {
    await whole;
    const run = join(directory, 'killed');
    let killed = 0;
    for (const _ of [1, 2, 3]) {
      const running = start(directory, ...options, '--out', 'killed', '--resume');
      const from = losses(run).length;
      await untilStep(running, run, from + 2 + Math.floor(Math.random() * 30));
      running.process.kill('SIGKILL');
      if ((await running.outcome).signal === 'SIGKILL') killed += 1;
    }
    expect(killed).toBeGreaterThan(0);
    await expectSameAsWhole('killed');
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('stops after the step at hand with a checkpoint on %s', async (signal) => {
    await whole;
    const name = `stopped-by-${signal}`;
    const run = join(directory, name);
    const running = start(directory, ...options, '--out', name, '--json');
    await untilStep(running, run, 7);
    running.process.kill(signal);
    const { code, stdout, stderr } = await running.outcome;
    expect(code, stderr).toBe(130);
    const done = checkpointStep(run);
    expect(done).toBeLessThan(steps);
    expect(losses(run).at(-1)?.step).toBe(done);
    expect(JSON.parse(stdout)).toMatchObject({ interrupted: true, steps: done });
    await expectSameAsWhole(name);
  });

  it('has the learning rate and the scale of the sketches that a budget chose', async () => {
    const run = ['pretrain', ...common, '--steps', '3', '--seq', '32'];
    const budget = ['--allow', 'sketch', '--memory'];
    const { hint } = await refusal(2, directory, ...run, ...budget, '1KiB', '--out', 'none');
    const [, least] = /raise --memory to (\d+KiB)/.exec(hint ?? '') ?? [];
    const losses = async (...options: readonly string[]) =>
      runResult.parse(await compactJson(directory, ...run, ...options)).losses;
    const chosen = await losses(...budget, least, '--out', 'by-budget');
    const plan = z.object({ sketches: z.object({ scale: z.number() }) });
    const planOf = (name: string) =>
      plan.parse(JSON.parse(readFileSync(join(directory, name, 'plan.json'), 'utf8'))).sketches.scale;
    expect(planOf('by-budget')).toBe(0.25);
    expect(await losses('--plan', 'by-budget/plan.json', '--out', 'by-plan')).toEqual(chosen);
    await losses(...budget, least, '--scale', '0.5', '--out', 'by-scale');
    expect(planOf('by-scale')).toBe(0.5);
  });

  it('has its directory to itself', async () => {
    const name = 'busy';
    const running = start(directory, ...options, '--steps', '100000', '--out', name);
    await untilStep(running, join(directory, name), 6);
    const before = checkpointStep(join(directory, name));
    for (const more of [['--resume'], ['--resume', '--steps', '50']]) {
      const { error, hint } = await refusal(2, directory, ...options, ...more, '--out', name);
      expect(error).toBe(`${name}: process ${running.process.pid} trains there`);
      expect(hint).toBe('wait for it, or name another directory');
    }
    running.process.kill('SIGINT');
    expect((await running.outcome).code).toBe(130);
    expect(checkpointStep(join(directory, name))).toBeGreaterThan(before);
    expect(existsSync(join(directory, name, 'training.lock'))).toBe(false);
  });

  it('drops steps that came after the checkpoint from metrics.jsonl', async () => {
    await whole;
    cpSync(join(directory, 'whole'), join(directory, 'copy'), { recursive: true });
    const first = losses(join(directory, 'whole'));
    expect(first.map(({ step }) => step)).toEqual(Array.from({ length: steps }, (_, index) => index + 1));
    await expectSameAsWhole('copy');
    expect(losses(join(directory, 'copy'))).toEqual(first);
  });
});

describe('compact compare', () => {
  const { directory, common } = workshop();

  it('clears nothing unless it may clear all', async () => {
    const options = ['compare', ...common, '--steps', '4', '--out', 'kept'];
    await compactJson(directory, ...options, '--methods', 'lean');
    const weights = () => readFileSync(join(directory, 'kept', 'lean', 'model.safetensors'));
    const before = weights();
    const busy = start(directory, 'pretrain', ...common, '--steps', '100000', '--out', 'kept/full');
    await untilStep(busy, join(directory, 'kept', 'full'), 2);
    const { error } = await refusal(2, directory, ...options, '--methods', 'lean,full', '--overwrite');
    busy.process.kill('SIGKILL');
    await busy.outcome;
    expect(error).toMatch(/full: process \d+ trains there/);
    expect(weights().equals(before)).toBe(true);
  });

  it('trains all methods from the same start on the same batches', async () => {
    const result = await compactJson(
      directory,
      ...[
        'compare',
        ...common,
        '--methods',
        'full,lean,fused-update+compact',
        '--steps',
        '10',
        '--val-fraction',
        '0.2',
      ],
      ...['--prompt', 'The', '--max-tokens', '5', '--out', 'methods'],
    );
    const { runs } = z
      .object({ runs: z.array(runResult.extend({ name: z.string(), story: z.object({ text: z.string() }) })) })
      .parse(result);
    expect(runs.map(({ name }) => name)).toEqual(['full', 'lean', 'fused-update+compact']);
    const [full, lean, compactRun] = runs;
    expect(lean.losses[0]).toBeCloseTo(full.losses[0], 5);
    expect(compactRun.losses[0]).toBeCloseTo(full.losses[0], 5);
    expect(lean.memory.measured.peak).toBeLessThan(full.memory.measured.peak);
    expect(existsSync(join(directory, 'methods', 'report.html'))).toBe(true);
    expect(existsSync(join(directory, 'methods', 'lean', 'model.safetensors'))).toBe(true);
    const summary: unknown = JSON.parse(readFileSync(join(directory, 'methods', 'summary.json'), 'utf8'));
    expect(summary).toMatchObject({ runs: [{ name: 'full' }, { name: 'lean' }, { name: 'fused-update+compact' }] });
  });

  it('replaces earlier runs only when told to', async () => {
    const options = ['compare', ...common, '--methods', 'lean,checkpoint', '--steps', '2', '--out', 'again'];
    const first = await compact(directory, ...options);
    expect(first.code, first.stderr).toBe(0);
    expect(first.stdout).toContain('measured peak');
    expect((await refusal(2, directory, ...options)).hint).toContain('--overwrite');
    expect((await compact(directory, ...options, '--overwrite')).code).toBe(0);
  });

  it('checks every method before it trains the first', async () => {
    const options = ['compare', ...common, '--steps', '2', '--out', 'checked'];
    expect((await refusal(2, directory, ...options, '--methods', 'lean,leen')).error).toContain('unknown method');
    expect((await refusal(2, directory, ...options, '--methods', 'lean,lean')).error).toContain('comes twice');
    expect(existsSync(join(directory, 'checked'))).toBe(false);
  });
});

describe('compact bench', () => {
  const { directory } = workshop();

  it('times a step of several methods', async () => {
    const result = await compactJson(
      directory,
      ...[
        'bench',
        'step',
        '--model',
        'config.json',
        '--batch',
        '2',
        '--seq',
        '16',
        '--methods',
        'lean,compact',
        '--steps',
        '2',
      ],
    );
    const row = z.object({
      secondsPerStep: z.number(),
      tokensPerSecond: z.number(),
      peak: bytes,
      savedPeak: bytes,
      flops: bytes,
      ops: z.array(z.object({ op: z.string(), calls: z.int().positive(), seconds: z.number(), flops: z.number() })),
    });
    const { rows } = z.object({ rows: z.array(row) }).parse(result);
    expect(rows).toHaveLength(2);
    for (const { ops, flops } of rows) {
      expect(ops.reduce((sum, op) => sum + op.flops, 0)).toBe(flops);
      expect(ops.map(({ op }) => op)).toContain('attentionBackward');
    }
    const one = [
      'bench',
      'step',
      '--model',
      'config.json',
      '--batch',
      '2',
      '--seq',
      '16',
      '--method',
      'full',
      '--steps',
      '1',
    ];
    row.parse(await compactJson(directory, ...one));
  });

  it.skipIf(nativeMissing)(
    nativeTitle('measures rates of both types, by which plans are priced from then on'),
    async () => {
      const own = join(directory, 'rates');
      mkdirSync(own);
      const rate = z.object({ perFlop: z.number(), perByte: z.number() });
      const priced = async (dtype: string) => {
        const plan = await compactJson(own, 'plan', '--model', 'llama-9m', '--threads', '1', '--dtype', dtype);
        return z.object({ seconds: z.number(), rates: z.string() }).parse(plan);
      };
      const before = await priced('bf16');
      expect(before.rates).toContain('recorded');
      const measured = z
        .object({ machine: z.string(), rates: z.record(z.string(), rate) })
        .parse(await compactJson(own, 'bench', 'rates', '--threads', '1'));
      for (const op of ['gemm', 'attention', 'adamW', 'crossEntropy', 'rmsNorm']) {
        expect(Object.keys(measured.rates)).toEqual(expect.arrayContaining([op, `${op}.bf16`]));
      }
      const after = await priced('bf16');
      expect(after.rates).toBe(measured.machine);
      expect(after.seconds).not.toBe(before.seconds);
    },
  );

  it.skipIf(nativeMissing)(nativeTitle('times products beside the peak'), async () => {
    const result = await compactJson(directory, 'bench', 'gemm', '--repeats', '1', '--threads', '1');
    const row = z.object({
      shape: z.string(),
      trans: z.enum(['NN', 'NT', 'TN']),
      dtype: z.enum(['f32', 'bf16']),
      threads: z.number(),
      gflops: z.number().positive(),
      ofPeak: z.number().positive(),
    });
    z.object({ peak: z.object({ f32: z.number(), bf16: z.number().nullable() }), rows: z.array(row).min(5) }).parse(
      result,
    );
    const types = z.object({ rows: z.array(z.object({ dtype: z.string() })) });
    const typesOf = (found: unknown) => new Set(types.parse(found).rows.map(({ dtype }) => dtype));
    expect(typesOf(result)).toEqual(new Set(['f32', 'bf16']));
    const one = await compactJson(directory, 'bench', 'gemm', '--repeats', '1', '--threads', '1', '--dtype', 'bf16');
    expect(typesOf(one)).toEqual(new Set(['bf16']));
  });
});

describe.skipIf(noSharedData)(onSharedData('compact convert'), () => {
  const { directory } = workshop();

  it('brings stories260K into a directory that eval and generate read', async () => {
    const weights = sharedData('weights/stories260K.bin');
    const tokenizer = sharedData('weights/tok512.bin');
    await compactJson(directory, 'convert', '--from', 'llama2c', weights, '--tokenizer', tokenizer, '--out', 'stories');
    const { stdout } = await compact(
      directory,
      ...['generate', '--model', 'stories', '--prompt', '', '--temperature', '0', '--max-tokens', '20'],
    );
    expect(stdout).toMatch(/^Once upon a time, there was a little girl named Lily/);
    const data = sharedData('corpora/tinystories-val.txt.gz');
    const evaluation = await compactJson(
      directory,
      ...['eval', '--model', 'stories', '--data', data, '--by-document', '--max-documents', '8'],
    );
    expect(z.object({ loss: z.number() }).parse(evaluation).loss).toBeCloseTo(1.3, 0);

    await compactJson(directory, 'convert', '--from', 'hf', 'stories', '--out', 'again');
    const files = ['stories', 'again'].map((name) => readFileSync(join(directory, name, 'model.safetensors')));
    expect(files[0].equals(files[1])).toBe(true);
    expect((await refusal(2, directory, 'convert', '--from', 'hf', 'stories', '--out', 'again')).error).toContain(
      'already',
    );
  });
});

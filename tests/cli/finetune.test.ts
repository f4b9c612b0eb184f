import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { writeTo } from '../support/temporary-directory.js';
import { checkpointStep, compactJson, losses, refusal, start, untilStep, workshop } from './command.js';

const result = z.object({
  steps: z.number(),
  losses: z.array(z.number()),
  metric: z.string(),
  value: z.number(),
  best: z.number(),
  bestStep: z.number(),
  bestDirectory: z.string(),
  evaluations: z.array(z.object({ step: z.number(), loss: z.number(), metrics: z.record(z.string(), z.number()) })),
});

const evaluation = z.object({ loss: z.number() });

describe('instructions', () => {
  const { directory, common } = workshop();
  const rows = ['a', 'b', 'c', 'd'].flatMap((letter) =>
    [1, 2, 3].map((n) => ({ prompt: `${letter}${n}=`, completion: letter.repeat(n) })),
  );
  writeTo(directory, 'rows.jsonl', rows.map((row) => JSON.stringify(row)).join('\n'));
  const sft = ['finetune', '--task', 'sft', '--model', 'base', '--data', 'rows.jsonl', '--val', 'rows.jsonl'];
  const options = [...sft, '--batch', '4', '--epochs', '20', '--lr', '0.01', '--max-length', '16'];
  const tune = async (out: string, ...more: readonly string[]) =>
    result.parse(await compactJson(directory, ...options, '--out', out, ...more));

  it('are learned; the best weights are a model of their own', async () => {
    await compactJson(directory, 'pretrain', ...common, '--steps', '5', '--out', 'base');
    const tuned = await tune('sft');
    expect(tuned.steps).toBe(60);
    expect(tuned.metric).toBe('loss');
    expect(tuned.evaluations.map(({ step }) => step)).toEqual(
      Array.from({ length: 20 }, (_, epoch) => 3 * (epoch + 1)),
    );
    expect(tuned.best).toBe(Math.min(...tuned.evaluations.map(({ loss }) => loss)));
    expect(tuned.best).toBeLessThan(tuned.evaluations[0].loss / 2);
    expect(losses(join(directory, 'sft'))).toHaveLength(60);
    const report = readFileSync(join(directory, 'sft', 'report.html'), 'utf8');
    expect(report).toContain(`${tuned.bestStep} (best)`);
    const text = ['--data', 'text.txt', '--seq', '16'];
    evaluation.parse(await compactJson(directory, 'eval', '--model', join('sft', 'best'), ...text));
  });

  it('are learned several to a row, in fewer steps', async () => {
    const packed = await tune('packed', '--packing', '--epochs', '60');
    // The twelve texts fit into four rows of 16 tokens: one batch where there were three.
    expect(packed.steps).toBe(60);
    expect(packed.best).toBeLessThan(packed.evaluations[0].loss / 2);
  });

  it('with adapters leave the base as it is', async () => {
    const tuned = await tune('lora', '--method', 'lora', '--rank', '4', '--lr', '0.02');
    expect(tuned.best).toBeLessThan(tuned.evaluations[0].loss);
    for (const file of ['adapter_config.json', 'adapter_model.safetensors']) {
      expect(existsSync(join(directory, 'lora', 'best', file))).toBe(true);
    }
    expect(existsSync(join(directory, 'lora', 'model.safetensors'))).toBe(false);
  });

  it('stop when nothing gets better', async () => {
    const tuned = await tune('early', '--lr', '1', '--patience', '2', '--schedule', 'constant');
    expect(tuned.steps).toBe(tuned.bestStep + 6);
  });

  it('resume after an interrupt to the same weights and scores', async () => {
    const running = start(directory, ...options, '--out', 'stopped');
    await untilStep(running, join(directory, 'stopped'), 7);
    running.process.kill('SIGINT');
    expect((await running.outcome).code).toBe(130);
    expect(checkpointStep(join(directory, 'stopped'))).toBeLessThan(60);
    const resumed = await tune('stopped', '--resume');
    const straight = await tune('straight');
    expect(resumed.evaluations).toEqual(straight.evaluations);
    for (const file of ['model.safetensors', 'optimizer.safetensors', join('best', 'model.safetensors')]) {
      const [a, b] = ['stopped', 'straight'].map((run) => readFileSync(join(directory, run, file)));
      expect(a.equals(b), file).toBe(true);
    }
  });

  it.each<[string, readonly string[], string, RegExp]>([
    ['a preset', ['--model', 'llama-9m'], 'x', /llama-9m: has no weights/],
    ['too long a row', ['--max-length', '4'], 'x', /rows\.jsonl:2: the text has 5 tokens, the most is 4/],
    [
      'more than the model takes',
      ['--max-length', '99'],
      'x',
      /--max-length: texts of 99 tokens are longer than the 32/,
    ],
    ['conversations without template', ['--data', 'chat.jsonl'], 'x', /chat\.jsonl:1: the model has no chat template/],
    ['a run that is there', [], 'sft', /sft: holds a run already/],
    ['an adapter as base', ['--model', 'lora/best', '--method', 'lora'], 'x', /holds an adapter, and another one/],
  ])('%s is refused with one line', async (_, more, out, message) => {
    const message1 = {
      messages: [
        { role: 'user', content: 'a' },
        { role: 'assistant', content: 'b' },
      ],
    };
    writeTo(directory, 'chat.jsonl', JSON.stringify(message1));
    const { error } = await refusal(2, directory, ...options, ...more, '--out', out);
    expect(error).toMatch(message);
  });
});

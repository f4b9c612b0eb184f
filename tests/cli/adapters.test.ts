import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { compactJson, refusal, workshop } from './command.js';

const evaluation = z.object({ loss: z.number() });
const run = z.object({ steps: z.number(), losses: z.array(z.number()) });

describe('adapters from the command line', () => {
  const { directory, common } = workshop();
  const lora = [...common, '--method', 'lora', '--rank', '4', '--lr', '0.01', '--steps', '12'];
  const lossOf = async (model: string) =>
    evaluation.parse(await compactJson(directory, 'eval', '--model', model, '--data', 'text.txt', '--seq', '16')).loss;

  it('are trained on a base, evaluated with it, and merged into it', async () => {
    await compactJson(directory, 'pretrain', ...common, '--steps', '5', '--out', 'base');
    const { losses } = run.parse(await compactJson(directory, 'pretrain', ...lora, '--init', 'base', '--out', 'lora'));
    expect(losses).toHaveLength(12);
    expect(existsSync(join(directory, 'lora', 'model.safetensors'))).toBe(false);
    const [base, adapted] = [await lossOf('base'), await lossOf('lora')];
    expect(adapted).toBeLessThan(base - 0.01);
    await compactJson(directory, 'convert', '--from', 'peft', 'lora', '--out', 'merged');
    expect(await lossOf('merged')).toBeCloseTo(adapted, 6);
  });

  it('are refused without weights to add them to, on another adapter, and where there is none to merge', async () => {
    const alone = await refusal(2, directory, 'pretrain', ...lora, '--out', 'alone');
    expect(alone.error).toBe('adapters are added to trained weights');
    const twice = await refusal(2, directory, 'pretrain', ...lora, '--init', 'lora', '--out', 'twice');
    expect(twice.hint).toContain('compact convert --from peft lora');
    const none = await refusal(2, directory, 'convert', '--from', 'peft', 'base', '--out', 'none');
    expect(none.error).toBe('base: holds no adapter_config.json');
  });
});

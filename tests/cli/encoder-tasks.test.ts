import { readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { openSafetensors } from '../../src/models/index.js';
import { writeTo } from '../support/temporary-directory.js';
import { compact, compactJson, refusal, start, untilStep, workshop } from './command.js';

const result = z.object({
  steps: z.number(),
  metric: z.string(),
  value: z.number(),
  best: z.number(),
  metrics: z.record(z.string(), z.number()),
  evaluations: z.array(z.object({ step: z.number(), loss: z.number(), metrics: z.record(z.string(), z.number()) })),
});

const prediction = z.object({
  label: z.string().optional(),
  score: z.number(),
  scores: z.record(z.string(), z.number()).optional(),
});

const { directory } = workshop();
const subjects = ['the cat', 'a dog', 'my friend', 'nobody', 'the sea'];
const verbs = { loves: 'pos', enjoys: 'pos', likes: 'pos', hates: 'neg', fears: 'neg', dislikes: 'neg' } as const;
const objects = ['red balls', 'old keys', 'the way home', 'rain'];
const texts = subjects.flatMap((subject) =>
  Object.entries(verbs).flatMap(([verb, label]) =>
    objects.map((object, i) => ({
      text: `${subject} ${verb} ${object}`,
      label,
      score: label === 'pos' ? 4 + i / 4 : i / 4,
    })),
  ),
);
const tiny = {
  model_type: 'bert',
  architectures: ['BertForMaskedLM'],
  vocab_size: 300,
  hidden_size: 32,
  intermediate_size: 48,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  max_position_embeddings: 32,
};
const options = [
  'finetune',
  '--model',
  'base',
  '--data',
  'rows.csv',
  '--batch',
  '8',
  '--lr',
  '0.003',
  '--epochs',
  '12',
];
const tune = async (task: string, out: string, ...more: readonly string[]) =>
  result.parse(await compactJson(directory, ...options, '--task', task, '--out', out, ...more));

/** An encoder that has seen a few masked words. */
beforeAll(async () => {
  const csv = (rows: readonly (readonly (string | number)[])[]) => rows.map((row) => row.join(',')).join('\n');
  writeTo(directory, 'rows.csv', csv([['text', 'label', 'score'], ...texts.map((row) => Object.values(row))]));
  writeTo(directory, 'words.txt', texts.map(({ text }) => `${text}.`).join('\n'));
  writeTo(directory, 'bert.json', JSON.stringify(tiny));
  await compactJson(
    directory,
    'tokenizer',
    'train',
    '--data',
    'words.txt',
    '--vocab-size',
    '290',
    '--kind',
    'roberta',
    '--out',
    'tok',
  );
  const training = ['--model', 'bert.json', '--data', 'words.txt', '--tokenizer', 'tok', '--batch', '8', '--seq', '16'];
  await compactJson(directory, 'pretrain', '--objective', 'mlm', ...training, '--steps', '5', '--out', 'base');
}, 60_000);

describe('masked language modelling', () => {
  const steps = ['--steps', '60', '--lr', '0.01', '--warmup', '5', '--val', 'words.txt', '--eval-every', '30'];
  const corpus = ['--data', 'words.txt', '--tokenizer', 'tok', '--batch', '8', '--seq', '16'];
  const training = [
    'pretrain',
    '--objective',
    'mlm',
    '--model',
    'bert.json',
    ...corpus,
    ...steps,
    '--save-every',
    '10',
  ];
  const run = z.object({ steps: z.number(), losses: z.array(z.number()), valLoss: z.number() });

  it('learns, measures what eval measures, and goes on after an interrupt to the same bits', async () => {
    const straight = run.parse(await compactJson(directory, ...training, '--out', 'mlm'));
    expect(straight.losses).toHaveLength(60);
    expect(Math.abs(straight.losses[0] - Math.log(300))).toBeLessThan(0.3);
    expect(straight.valLoss).toBeLessThan(straight.losses[0] - 1.5);
    const measured = z
      .object({ loss: z.number() })
      .parse(await compactJson(directory, 'eval', '--model', 'mlm', '--data', 'words.txt', '--seq', '16'));
    expect(measured.loss).toBeCloseTo(straight.valLoss, 5);

    const running = start(directory, ...training, '--out', 'mlm-stopped');
    await untilStep(running, join(directory, 'mlm-stopped'), 12);
    running.process.kill('SIGINT');
    expect((await running.outcome).code).toBe(130);
    await compactJson(directory, ...training, '--out', 'mlm-stopped', '--resume');
    const [a, b] = ['mlm', 'mlm-stopped'].map((out) => readFileSync(join(directory, out, 'model.safetensors')));
    expect(a.equals(b)).toBe(true);
  });

  it('is refused where the data holds special tokens alone, of which none is ever predicted', async () => {
    writeTo(directory, 'special.bin', new Uint8Array(2 * 4000));
    const special = [
      'pretrain',
      '--objective',
      'mlm',
      '--model',
      'bert.json',
      '--data',
      'special.bin',
      '--tokenizer',
      'tok',
      '--seq',
      '16',
    ];
    const { error, hint } = await refusal(2, directory, ...special, '--steps', '3', '--out', 'none');
    expect(error).toBe('step 1 has nothing to learn from: no token or label of its batches is to be predicted');
    expect(hint).toContain('special tokens');
  });

  it('is refused with causal models, and without a tokenizer that has a mask', async () => {
    const llama = ['pretrain', '--objective', 'mlm', '--model', 'llama-9m', ...corpus, '--steps', '1', '--out', 'none'];
    expect((await refusal(2, directory, ...llama)).error).toContain('--objective mlm');
    const bytes = await refusal(2, directory, ...training, '--tokenizer', 'byte', '--out', 'none');
    expect(bytes.error).toContain('the tokenizer has no mask');
  });
});

describe('classes', () => {
  it('are learned from a file and predicted from another, in two commands', async () => {
    const tuned = await tune('classification', 'classes');
    expect(tuned.metric).toBe('accuracy');
    expect(tuned.best).toBeGreaterThan(0.9);
    const { stdout } = await compact(directory, 'predict', '--model', 'classes', '--data', 'rows.csv');
    const lines = stdout.trimEnd().split('\n');
    const predicted = lines.map((line) => prediction.parse(JSON.parse(line)));
    expect(predicted).toHaveLength(texts.length);
    const right = predicted.filter(({ label }, i) => label === texts[i].label).length;
    expect(right / texts.length).toBeGreaterThan(0.9);
    for (const { label = '', score, scores = {} } of predicted) {
      expect(scores[label]).toBe(score);
      expect(Object.keys(scores)).toEqual(['neg', 'pos']);
      expect(scores.neg + scores.pos).toBeCloseTo(1, 6);
    }
    const tsv = await compact(
      directory,
      'predict',
      '--model',
      'classes',
      '--data',
      'rows.csv',
      '--to',
      'tsv',
      '--batch',
      '3',
    );
    expect(
      tsv.stdout
        .split('\n')
        .slice(1, -1)
        .map((line) => line.split('\t')[0]),
    ).toEqual(predicted.map(({ label }) => label));
  });

  it("are written to the configuration under Hugging Face's names", () => {
    const config = JSON.parse(readFileSync(join(directory, 'classes', 'best', 'config.json'), 'utf8'));
    expect(config.architectures).toEqual(['BertForSequenceClassification']);
    expect(config.id2label).toEqual({ 0: 'neg', 1: 'pos' });
    using file = openSafetensors(join(directory, 'classes', 'best', 'model.safetensors'));
    expect(file.tensors.get('classifier.weight')?.shape).toEqual([2, 32]);
  });

  it.each(['full', 'compact', 'checkpoint,compact-shared'])('are learned with %s', async (method) => {
    const tuned = await tune('classification', method.replace(',', '-'), '--method', method);
    expect(tuned.best).toBeGreaterThan(0.9);
  });

  it('are learned in bf16, which is what is written, and predicted from that', async () => {
    const tuned = await tune('classification', 'narrow', '--dtype', 'bf16');
    expect(tuned.best).toBeGreaterThan(0.9);
    using file = openSafetensors(join(directory, 'narrow', 'best', 'model.safetensors'));
    for (const { dtype } of file.tensors.values()) expect(dtype).toBe('BF16');
    const { predictions } = z
      .object({ predictions: z.array(prediction) })
      .parse(await compactJson(directory, 'predict', '--model', 'narrow', '--data', 'rows.csv'));
    const right = predictions.filter(({ label }, i) => label === texts[i].label).length;
    expect(right / texts.length).toBeGreaterThan(0.9);
  });

  it("are learned with adapters, which are saved under PEFT's names and predict with their base", async () => {
    const tuned = await tune('classification', 'lora', '--method', 'lora', '--lr', '0.005', '--epochs', '20');
    expect(tuned.best).toBeGreaterThan(0.9);
    using file = openSafetensors(join(directory, 'lora', 'best', 'adapter_model.safetensors'));
    const at = 'base_model.model.bert.encoder.layer.1.attention.self.query';
    expect(file.tensors.get(`${at}.lora_A.weight`)?.shape).toEqual([8, 32]);
    expect(file.tensors.get('base_model.model.classifier.weight')?.shape).toEqual([2, 32]);
    const predicted = z
      .object({ predictions: z.array(prediction) })
      .parse(await compactJson(directory, 'predict', '--model', 'lora', '--data', 'rows.csv'));
    const right = predicted.predictions.filter(({ label }, i) => label === texts[i].label).length;
    expect(right / texts.length).toBeGreaterThan(0.9);
  });

  it('do not depend on threads, and resume to the same bits', async () => {
    const once = await tune('classification', 'once', '--threads', '1');
    const running = start(directory, ...options, '--task', 'classification', '--out', 'again', '--threads', '3');
    await untilStep(running, join(directory, 'again'), 20);
    running.process.kill('SIGINT');
    await running.outcome;
    const again = await tune('classification', 'again', '--resume', '--threads', '2');
    expect(again.evaluations).toEqual(once.evaluations);
    for (const file of ['model.safetensors', join('best', 'model.safetensors')]) {
      const [a, b] = ['once', 'again'].map((run) => readFileSync(join(directory, run, file)));
      expect(a.equals(b), file).toBe(true);
    }
  });
});

it('a study compares methods and seeds, and does not run again what is there', async () => {
  const tsv = texts.map(({ text, label }) => `${text}\t${label === 'pos' ? 1 : 0}`);
  for (const name of ['train', 'dev']) {
    writeTo(directory, join('glue', 'SST-2', `${name}.tsv`), ['sentence\tlabel', ...tsv].join('\n'));
  }
  const train = join(directory, 'glue', 'SST-2', 'train.tsv');
  const written = new Date('2024-01-01');
  utimesSync(train, written, written);
  const study = ['study', 'glue', '--model', 'base', '--data', 'glue', '--tasks', 'sst2', '--out', 'study'];
  const options = [
    '--methods',
    'full,compact@4',
    '--epochs',
    '2',
    '--lr',
    '0.003',
    '--max-rows',
    '40',
    '--max-length',
    '32',
  ];
  const rows = z.object({ rows: z.array(z.object({ method: z.string(), seed: z.number(), score: z.number() })) });
  const first = rows.parse(await compactJson(directory, ...study, ...options, '--seeds', '0,1'));
  expect(first.rows.map(({ method, seed }) => `${method} ${seed}`)).toEqual([
    ...['full 0', 'compact@4 0'],
    ...['full 1', 'compact@4 1'],
  ]);
  const trained = readFileSync(join(directory, 'study', 'runs', 'sst2-full-seed0', 'metrics.jsonl'), 'utf8');
  const more = rows.parse(await compactJson(directory, ...study, ...options, '--seeds', '0,1,2'));
  expect(more.rows.slice(0, 4)).toEqual(first.rows);
  expect(more.rows).toHaveLength(6);
  expect(readFileSync(join(directory, 'study', 'runs', 'sst2-full-seed0', 'metrics.jsonl'), 'utf8')).toBe(trained);
  expect(readFileSync(join(directory, 'study', 'study.csv'), 'utf8').split('\n')).toHaveLength(8);
  // What is finished is known by options and files: nothing is read again that looks as it did.
  writeFileSync(train, 'x'.repeat(statSync(train).size));
  utimesSync(train, written, written);
  expect(rows.parse(await compactJson(directory, ...study, ...options, '--seeds', '0,1,2'))).toEqual(more);
  utimesSync(train, written, new Date());
  expect((await refusal(2, directory, ...study, ...options, '--seeds', '0')).error).toContain('train.tsv');
  for (const chart of ['loss-by-method.svg', 'loss-by-memory.svg']) {
    expect(readFileSync(join(directory, 'study', chart), 'utf8')).toContain('100 − average score');
  }
});

it('scores are learned and predicted', async () => {
  const tuned = await tune('regression', 'scores', '--label-column', 'score', '--epochs', '20');
  expect(tuned.metric).toBe('pearson');
  expect(tuned.best).toBeGreaterThan(0.8);
  expect(Object.keys(tuned.metrics)).toEqual(['pearson', 'spearman', 'mse']);
  const { stdout } = await compact(directory, 'predict', '--model', 'scores', '--data', 'rows.csv', '--to', 'tsv');
  const [head, ...scores] = stdout.trimEnd().split('\n');
  expect(head).toBe('score');
  const mean = (label: string) => {
    const own = scores.map(Number).filter((_, i) => texts[i].label === label);
    return own.reduce((sum, score) => sum + score, 0) / own.length;
  };
  expect(mean('pos')).toBeGreaterThan(mean('neg') + 1);
});

describe('bad input is refused with one line', () => {
  it.each<[string, readonly string[], RegExp]>([
    [
      'a label outside the set',
      ['--labels', 'pos,other'],
      /rows\.csv:\d+: the label "neg" is none of the task's: pos, other/,
    ],
    ['a missing column', ['--text-column', 'sentence'], /rows\.csv:1: no column "sentence"/],
    ['an empty text', ['--data', 'empty.csv'], /empty\.csv:3: the text is empty/],
    ['too long a text', ['--max-length', '7'], /rows\.csv:\d+: the text has \d+ tokens, the most is 7/],
    ['no number as a score', ['--task', 'regression'], /rows\.csv:\d+: the label "pos" is no number/],
    ['a tokenizer without special tokens', ['--tokenizer', 'byte'], /does not say what stands around a text/],
    ['too large a tokenizer', ['--model', 'small'], /the tokenizer has 2\d\d tokens, the model's vocabulary only 200/],
    ['a directory without files of the task', ['--task', 'rte', '--data', 'base'], /base: holds no train files of rte/],
    ['a directory for a file', ['--data', 'base'], /base: a directory; classification reads a file/],
    ['instructions', ['--task', 'sft'], /--task sft: a bert does not write text/],
  ])('%s', async (_, more, message) => {
    writeTo(directory, 'empty.csv', 'text,label\na,pos\n  ,neg\n');
    const small = JSON.parse(readFileSync(join(directory, 'base', 'config.json'), 'utf8'));
    writeTo(directory, join('small', 'config.json'), JSON.stringify({ ...small, vocab_size: 200 }));
    writeTo(directory, join('small', 'tokenizer.json'), readFileSync(join(directory, 'tok', 'tokenizer.json')));
    const { error } = await refusal(2, directory, ...options, '--task', 'classification', '--out', 'refused', ...more);
    expect(error).toMatch(message);
  });

  it('an adapter for another base', async () => {
    await tune('classification', 'adapter', '--method', 'lora', '--epochs', '1');
    const corpus = ['--data', 'words.txt', '--tokenizer', 'tok', '--batch', '8', '--seq', '16'];
    const other = ['pretrain', '--model', 'bert.json', ...corpus, '--steps', '1', '--seed', '9', '--out', 'other'];
    await compactJson(directory, ...other);
    const path = join(directory, 'adapter', 'best', 'adapter_config.json');
    const config = JSON.parse(readFileSync(path, 'utf8'));
    writeTo(
      directory,
      join('adapter', 'best', 'adapter_config.json'),
      JSON.stringify({
        ...config,
        base_model_name_or_path: join(directory, 'other'),
      }),
    );
    const predicting = ['predict', '--model', join('adapter', 'best'), '--data', 'rows.csv'];
    expect((await refusal(2, directory, ...predicting)).error).toContain('the adapter was trained on other weights');
  });

  it('too long a text is cut where that is asked for', async () => {
    const cut = await tune('classification', 'cut', '--max-length', '7', '--truncate', '--epochs', '1');
    expect(cut.steps).toBe(Math.ceil(Math.round(0.9 * texts.length) / 8));
  });

  it('of predictions: a model without labels, a missing column, too long a text unless it is cut', async () => {
    const none = await refusal(2, directory, 'predict', '--model', 'base', '--data', 'rows.csv');
    expect(none.error).toBe('base: gives no labels');
    const column = await refusal(
      2,
      directory,
      'predict',
      '--model',
      'classes',
      '--data',
      'rows.csv',
      '--pair-column',
      'x',
    );
    expect(column.error).toContain('no column "x"');
    writeTo(directory, 'long.txt', `${'rain '.repeat(60)}\n`);
    const long = ['predict', '--model', 'classes', '--data', 'long.txt'];
    expect((await refusal(2, directory, ...long)).error).toContain('the most is 32');
    expect((await compact(directory, ...long, '--truncate')).code).toBe(0);
  });
});

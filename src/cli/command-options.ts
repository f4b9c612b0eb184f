import { isBenchmark, taskNames } from '../data/tasks/task.js';
import { scheduleNames } from '../optim/schedule.js';
import type { CommandValues } from './command.js';
import { defaulted, optional, required, toggle } from './option-table.js';
import {
  budgetOptions,
  dataOptions,
  methodOptions,
  modelOptions,
  offloadOptions,
  refinementOptions,
  shapeOptions,
  trainingOptions,
} from './options.js';
import * as parse from './value-parsers.js';

// The options of each command, beside each other and without the code that uses them, so that --help starts at once.

const benchmarkNames = taskNames.filter(isBenchmark);

export const pretrain = {
  ...modelOptions,
  ...trainingOptions,
  ...methodOptions,
  ...shapeOptions,
  ...budgetOptions,
  ...offloadOptions,
  out: required('<dir>', 'directory of the run', parse.text),
  init: optional(
    '<dir>',
    'start from the weights of this directory, or of hf:owner/name (default: random ones)',
    parse.text,
  ),
  saveEvery: optional('<n>', 'write a checkpoint after every n steps (default: at the end)', parse.positiveInteger),
  resume: toggle('continue from the checkpoint in --out, if there is one'),
};
export type PretrainValues = CommandValues<typeof pretrain>;

export const fineTune = {
  task: required(
    '<name>',
    'sft (instructions for a causal model), a task of GLUE, imdb, classification or regression',
    parse.choice([...taskNames, 'sft'] as const),
  ),
  model: required('<dir>', 'directory of the weights to start from, or hf:owner/name', parse.text),
  data: required('<path>', "a .jsonl, .csv or .tsv file, or a benchmark's directory", parse.text),
  out: pretrain.out,
  val: optional('<path>', 'held-out rows', parse.text),
  valFraction: defaulted('<f>', 'hold out this fraction of the rows where there are no others', parse.fraction, 0.1),
  textColumn: defaulted('<name>', 'column of the text', parse.text, 'text'),
  pairColumn: optional('<name>', 'column of a second text', parse.text),
  labelColumn: defaulted('<name>', 'column of the class or score', parse.text, 'label'),
  labels: optional('<list>', 'all classes in the order of their ids (default: those of the rows)', parse.list),
  chatTemplate: optional('<file>', "a Jinja file instead of the model's own chat template", parse.text),
  packing: toggle('several instructions in a row of --max-length tokens; none sees another'),
  maxRows: optional('<n>', 'train on at most so many rows, drawn by the seed', parse.positiveInteger),
  maxLength: optional('<n>', "most tokens of a text (default: 128, or the model's limit)", parse.positiveInteger),
  truncate: toggle('cut longer texts instead of refusing them'),
  epochs: defaulted('<n>', 'how often each row is trained on', parse.positiveInteger, 3),
  tokenizer: dataOptions.tokenizer,
  ...methodOptions,
  batch: { ...shapeOptions.batch, fallback: 16, description: 'rows per micro-batch (default: 16)' },
  accumulate: shapeOptions.accumulate,
  memory: shapeOptions.memory,
  lr: optional('<rate>', 'peak learning rate (default: 2e-5; with adapters 2e-4)', parse.positive),
  schedule: defaulted('<name>', scheduleNames.join(', '), parse.choice(scheduleNames), 'linear' as const),
  warmup: optional('<n>', 'steps of linear warm-up (default: 6 % of the steps)', parse.nonNegativeInteger),
  minLrRatio: defaulted('<f>', "the last step's learning rate as a fraction of the peak", parse.ratio, 0),
  betas: trainingOptions.betas,
  eps: trainingOptions.eps,
  epsForm: trainingOptions.epsForm,
  weightDecay: trainingOptions.weightDecay,
  clip: trainingOptions.clip,
  ...offloadOptions,
  evalEvery: optional('<n>', 'evaluate after every n steps (default: once an epoch)', parse.positiveInteger),
  patience: optional('<n>', 'stop after n evaluations without a better one', parse.positiveInteger),
  resume: pretrain.resume,
};
export type FineTuneValues = CommandValues<typeof fineTune>;

export const studyGlue = {
  model: required('<dir>', 'encoder that every run starts from', parse.text),
  data: required('<dir>', "directory of GLUE's tasks", parse.text),
  out: required('<dir>', 'directory of the tables; runs go below. What is there already is not run again', parse.text),
  tasks: defaulted('<list>', 'tasks', parse.choices(benchmarkNames), ['sst2', 'cola', 'mrpc', 'rte', 'stsb'] as const),
  methods: defaulted('<list>', 'what to compare; + joins names, @ gives a rank, :option=value refines', parse.list, [
    'full',
    'lean',
    'compact@4',
    'compact@8',
    'lora@8',
  ]),
  seeds: defaulted('<list>', 'seeds', parse.wholeNumbers, [0, 1, 2]),
  epochs: fineTune.epochs,
  batch: fineTune.batch,
  lr: fineTune.lr,
  adapterLr: optional('<rate>', "peak learning rate of adapters (default: the others')", parse.positive),
  maxLength: defaulted('<n>', 'most tokens of a text; longer ones are cut', parse.positiveInteger, 128),
  maxRows: fineTune.maxRows,
  tokenizer: fineTune.tokenizer,
};
export type StudyGlueValues = CommandValues<typeof studyGlue>;

const { lr: _lr, steps: _steps, ...studyTraining } = trainingOptions;

export const studyPretrain = {
  ...modelOptions,
  ...studyTraining,
  methods: optional(
    '<list>',
    'what to compare: + joins names, @ gives a rank, :option=value refines (default: full, lean, muon, CompAct and its improvements, and the others)',
    parse.list,
  ),
  lrs: defaulted(
    '<list>',
    'grid of peak learning rates, of the blocks: divided by scale as --lr is by default; extended once where the best is at an end',
    parse.positives,
    [1e-3, 2e-3, 4e-3],
  ),
  seeds: defaulted('<list>', 'seeds; the first one searches the rates', parse.wholeNumbers, [0, 1, 2]),
  steps: optional('<n>', 'optimizer steps (default: by --tokens-per-parameter)', parse.positiveInteger),
  tokensPerParameter: defaulted('<f>', 'tokens to train on, as a multiple of the weights', parse.positive, 20),
  batch: shapeOptions.batch,
  accumulate: shapeOptions.accumulate,
  seq: shapeOptions.seq,
  out: required('<dir>', 'directory of the table, the charts and the page; rows that are there stand', parse.text),
};
export type StudyPretrainValues = CommandValues<typeof studyPretrain>;

export const predict = {
  model: required('<dir>', "directory of a fine-tuned encoder; of a run's, its best weights", parse.text),
  data: required(
    '<path>',
    'a .jsonl, .csv or .tsv file with the columns below, lines of text, or - for standard input',
    parse.text,
  ),
  textColumn: fineTune.textColumn,
  pairColumn: fineTune.pairColumn,
  format: optional(
    '<name>',
    'lines, jsonl, csv or tsv, where the name of the data does not say',
    parse.choice(['lines', 'jsonl', 'csv', 'tsv'] as const),
  ),
  to: defaulted('<name>', 'jsonl or tsv', parse.choice(['jsonl', 'tsv'] as const), 'jsonl' as const),
  tokenizer: dataOptions.tokenizer,
  batch: { ...shapeOptions.batch, fallback: 32, description: 'rows that are looked at together (default: 32)' },
  maxLength: optional('<n>', "most tokens of a text (default: the model's limit)", parse.positiveInteger),
  truncate: fineTune.truncate,
};
export type PredictValues = CommandValues<typeof predict>;

export const compare = {
  ...modelOptions,
  ...trainingOptions,
  ...refinementOptions,
  ...shapeOptions,
  ...offloadOptions,
  methods: defaulted('<list>', 'what to compare, + joins names: full,lean,fused-update+compact', parse.list, [
    'full',
    'lean',
    'compact',
  ]),
  out: required('<dir>', 'directory of the report; each run goes into a directory below', parse.text),
  init: pretrain.init,
  overwrite: toggle('replace earlier runs in --out'),
  prompt: optional('<text>', 'let each model continue this text', parse.anyText),
  maxTokens: defaulted('<n>', 'tokens of each continuation', parse.positiveInteger, 200),
  temperature: defaulted('<t>', 'of the continuations; 0: always the likeliest token', parse.nonNegative, 0.8),
  topP: defaulted('<p>', 'of the continuations', parse.probability, 0.95),
  title: optional('<text>', 'title of the report', parse.text),
};
export type CompareValues = CommandValues<typeof compare>;

export const evaluate = {
  model: required('<dir>', 'directory of a model', parse.text),
  ...dataOptions,
  seq: shapeOptions.seq,
  batch: shapeOptions.batch,
  maxWindows: optional('<n>', 'evaluate at most so many windows', parse.positiveInteger),
  byDocument: toggle(
    'each document by itself, cut to its first seq + 1 tokens (default of seq here: the whole context)',
  ),
  maxDocuments: optional('<n>', 'evaluate at most so many documents', parse.positiveInteger),
};
export type EvaluateValues = CommandValues<typeof evaluate>;

export const generate = {
  model: evaluate.model,
  tokenizer: dataOptions.tokenizer,
  prompt: required('<text>', 'text to continue; may be empty', parse.anyText),
  maxTokens: defaulted('<n>', 'tokens to add at most', parse.positiveInteger, 200),
  temperature: defaulted('<t>', '0: always the likeliest token', parse.nonNegative, 0.8),
  topP: defaulted('<p>', 'draw from the likeliest tokens that together have this probability', parse.probability, 0.95),
};
export type GenerateValues = CommandValues<typeof generate>;

export const plan = {
  ...modelOptions,
  ...methodOptions,
  ...shapeOptions,
  ...budgetOptions,
  offloadBandwidth: offloadOptions.offloadBandwidth,
  compare: toggle('all methods side by side'),
  clip: trainingOptions.clip,
};
export type PlanValues = CommandValues<typeof plan>;

export const paper = {};
export type PaperValues = CommandValues<typeof paper>;

export const tokenizerTrain = {
  data: dataOptions.data,
  vocabSize: required('<n>', 'size of the vocabulary, at least 257', parse.positiveInteger),
  kind: defaulted(
    '<name>',
    'gpt2 for models that continue text, roberta for encoders (with a mask)',
    parse.choice(['gpt2', 'roberta'] as const),
    'gpt2' as const,
  ),
  out: required('<dir>', 'directory for tokenizer.json', parse.text),
};
export type TokenizerTrainValues = CommandValues<typeof tokenizerTrain>;

export const convert = {
  from: required(
    '<format>',
    'llama2c (a .bin), hf (a directory), or peft (an adapter, which is merged into its base)',
    parse.choice(['llama2c', 'hf', 'peft'] as const),
  ),
  to: defaulted('<format>', 'hf', parse.choice(['hf'] as const), 'hf' as const),
  tokenizer: dataOptions.tokenizer,
  out: required('<dir>', 'directory to write', parse.text),
};
export type ConvertValues = CommandValues<typeof convert>;

export const doctor = { build: toggle('compile the native engine') };
export type DoctorValues = CommandValues<typeof doctor>;

export const benchGemm = {
  dtype: optional('<type>', 'only f32 or bf16 (default: both)', parse.choice(['f32', 'bf16'] as const)),
  repeats: defaulted('<n>', 'timed repetitions per shape', parse.positiveInteger, 7),
};
export type BenchGemmValues = CommandValues<typeof benchGemm>;

export const benchRates = {};
export type BenchRatesValues = CommandValues<typeof benchRates>;

export const benchOps = {
  ops: optional('<list>', 'only these ops', parse.list),
  dtype: benchGemm.dtype,
  repeats: benchGemm.repeats,
};
export type BenchOpsValues = CommandValues<typeof benchOps>;

export const benchStep = {
  ...modelOptions,
  ...methodOptions,
  ...shapeOptions,
  ...offloadOptions,
  methods: optional('<list>', 'several methods, interleaved; + joins names', parse.list),
  steps: defaulted('<n>', 'timed steps per method', parse.positiveInteger, 5),
};
export type BenchStepValues = CommandValues<typeof benchStep>;

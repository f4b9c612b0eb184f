import type { CommandValues } from './command.js';
import { defaulted, optional, required, toggle } from './option-table.js';
import { dataOptions, methodOptions, modelOptions, shapeOptions, trainingOptions } from './options.js';
import * as parse from './value-parsers.js';

// The options of each command, beside each other and without the code that uses them, so that --help starts at once.

export const pretrain = {
  ...modelOptions,
  ...trainingOptions,
  ...methodOptions,
  ...shapeOptions,
  out: required('<dir>', 'directory of the run', parse.text),
  init: optional('<dir>', 'start from the weights of this directory (default: random ones)', parse.text),
  saveEvery: optional('<n>', 'write a checkpoint after every n steps (default: at the end)', parse.positiveInteger),
  resume: toggle('continue from the checkpoint in --out, if there is one'),
};
export type PretrainValues = CommandValues<typeof pretrain>;

const { method: _, plan: __, ...refinements } = methodOptions;

export const compare = {
  ...modelOptions,
  ...trainingOptions,
  ...refinements,
  ...shapeOptions,
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
  compare: toggle('all methods side by side'),
  clip: trainingOptions.clip,
};
export type PlanValues = CommandValues<typeof plan>;

export const paper = {};
export type PaperValues = CommandValues<typeof paper>;

export const tokenizerTrain = {
  data: dataOptions.data,
  vocabSize: required('<n>', 'size of the vocabulary, at least 257', parse.positiveInteger),
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
  repeats: defaulted('<n>', 'timed repetitions per shape', parse.positiveInteger, 7),
};
export type BenchGemmValues = CommandValues<typeof benchGemm>;

export const benchStep = {
  ...modelOptions,
  ...methodOptions,
  ...shapeOptions,
  methods: optional('<list>', 'several methods, interleaved; + joins names', parse.list),
  steps: defaulted('<n>', 'timed steps per method', parse.positiveInteger, 5),
};
export type BenchStepValues = CommandValues<typeof benchStep>;

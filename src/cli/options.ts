import { scheduleNames } from '../optim/schedule.js';
import { defaulted, type OptionValues, optional, required, toggle } from './option-table.js';
import * as parse from './value-parsers.js';

/** Options of every command. */
export const globalOptions = {
  json: toggle('print one JSON document on standard output and nothing else there'),
  quiet: toggle('no progress'),
  threads: optional('<n>', 'threads (default: all cores)', parse.positiveInteger),
  engine: defaulted('<name>', 'native or reference', parse.choice(['native', 'reference'] as const), 'native' as const),
  seed: defaulted('<n>', 'seed of everything random', parse.nonNegativeInteger, 0),
  config: optional('<file>', 'read options from a JSON or YAML file; flags win', parse.text),
  debug: toggle('print the stack of an error'),
};

export type GlobalValues = OptionValues<typeof globalOptions>;

export const modelOptions = {
  model: required('<name>', 'a preset (llama-9m … llama-7b), a config.json, a directory, or hf:owner/name', parse.text),
  vocabSize: optional('<n>', "vocabulary size instead of the preset's", parse.positiveInteger),
};

/** What refines methods. */
export const refinementOptions = {
  rank: optional(
    '<r>',
    'rank of sketches and subspaces: a whole number, or a ratio of the input width: 0.25, 1/4, n/4; of adapters: a whole number',
    parse.rank,
  ),
  updateGap: optional(
    '<steps>',
    'steps between new projections, or never (default: 50; galore and apollo 200)',
    parse.updateGap,
  ),
  scale: optional(
    '<a>',
    'alpha, factor on the updates of sketched layers and of galore (default: 0.25, of compact-plus 1/16); without them on those of all matrices in the blocks',
    parse.positive,
  ),
  outputScale: optional('<f>', "factor on o_proj's update, relative to --scale", parse.positive),
  projection: optional(
    '<family>',
    'gaussian, rademacher, orthonormal, sparse or srht; the last two need no matrix product (default: gaussian)',
    parse.choice(['gaussian', 'rademacher', 'orthonormal', 'sparse', 'srht'] as const),
  ),
  basis: optional(
    '<kind>',
    "directions of sketches: random, range-finder (the input's leading ones) or prac (half of each); of galore: svd or range-finder",
    parse.choice(['random', 'range-finder', 'prac', 'svd'] as const),
  ),
  gradient: optional(
    '<form>',
    'of sketched layers: compressed, or lifted to the size of the weight',
    parse.choice(['compressed', 'lifted'] as const),
  ),
  refresh: optional(
    '<rule>',
    'whether directions of sketches change together, or staggered: blocks of them in turn (default: together)',
    parse.choice(['together', 'staggered'] as const),
  ),
  moments: optional(
    '<rule>',
    'first moments when projections change: keep, reset or transport (default: keep)',
    parse.choice(['keep', 'reset', 'transport'] as const),
  ),
  secondMoments: optional(
    '<rule>',
    'second moments when projections change: keep or reset (default: keep)',
    parse.choice(['keep', 'reset'] as const),
  ),
  warmRestart: optional(
    '<steps>',
    'steps after new projections until updates have their full size',
    parse.positiveInteger,
  ),
  sketchWhen: optional(
    '<when>',
    'form sketches in forward or backward',
    parse.choice(['forward', 'backward'] as const),
  ),
  alpha: optional('<a>', "adapters' alpha: what they add is multiplied by alpha / rank (default: 16)", parse.positive),
  targetModules: optional(
    '<names>',
    'layers that get adapters, by the last parts of their names, or all-linear (default)',
    parse.list,
  ),
  saveMode: optional(
    '<mode>',
    'eager, fused-norm, elementwise, no-gate-up, no-qkv, no-x5 or block',
    parse.choice(['eager', 'fused-norm', 'elementwise', 'no-gate-up', 'no-qkv', 'no-x5', 'block'] as const),
  ),
  checkpointEvery: optional('<k>', 'keep the input of every k-th block only', parse.positiveInteger),
  blockSize: optional('<n>', 'elements that share a scale of 8-bit moments (default: 256)', parse.positiveInteger),
  momentum: optional('<m>', 'of muon (default: 0.95) or adafactor (default: none)', parse.beta),
  updateRms: optional('<f>', "root mean square of muon's updates (default: 0.2)", parse.positive),
  switchEvery: optional('<steps>', "steps of a block's turn in badam (default: 50)", parse.positiveInteger),
  blockOrder: optional(
    '<order>',
    'of badam: random (default), ascending or descending',
    parse.choice(['random', 'ascending', 'descending'] as const),
  ),
  checkpointLayers: optional(
    '<list>',
    'blocks that checkpoint recomputes, like 0-3,7 (default: all)',
    parse.wholeNumbers,
  ),
  bits: optional('<n>', "bits of mesa's codes: 8, 4 or 2 (default: 8)", parse.bits),
  offloadFraction: optional(
    '<f>',
    'of what offload could compute again, move so many of the tokens and compute the others (default: 1)',
    parse.ratio,
  ),
  groups: optional('<n>', "velora's sub-tokens per token (default: 64)", parse.positiveInteger),
  tokenRatio: optional('<f>', "token-sketch's mixtures per token (default: 0.25)", parse.probability),
  veloraScale: optional('<f>', "velora's factor on its layers' gradients (default: 1)", parse.positive),
  lossChunk: optional('<rows>', 'rows of logits that exist at a time', parse.positiveInteger),
  dtype: optional(
    '<type>',
    'what weights, activations and gradients are stored in, f32 or bf16 (default: f32)',
    parse.choice(['f32', 'bf16'] as const),
  ),
  momentDtype: optional(
    '<type>',
    "what Adam's moments are stored in, f32 or bf16 (default: f32)",
    parse.choice(['f32', 'bf16'] as const),
  ),
  masterWeights: toggle('an f32 copy of bf16 weights takes the updates, instead of stochastic rounding'),
};

export const methodOptions = {
  method: optional(
    '<names>',
    'methods, comma-separated; compact plan --compare lists them (default: lean)',
    parse.list,
  ),
  plan: optional('<file>', 'a plan document instead of --method', parse.text),
  ...refinementOptions,
};

/** Where offloaded tensors go. */
export const offloadOptions = {
  offloadDir: optional('<dir>', 'existing directory for the file of offloaded tensors', parse.text),
  offloadBandwidth: optional(
    '<size>',
    'what an --offload-dir must take per second, like 500MB, or it is refused; times are predicted with it',
    parse.size,
  ),
};

export const shapeOptions = {
  batch: defaulted('<n>', 'sequences per micro-batch', parse.positiveInteger, 8),
  accumulate: defaulted('<n>', 'micro-batches per optimizer step', parse.positiveInteger, 1),
  seq: optional('<n>', "tokens per sequence (default: 256, or the model's limit)", parse.positiveInteger),
  memory: optional('<size>', 'most bytes a run may take, for example 2GiB', parse.size),
};

/** Of commands that let --memory choose the plan. */
export const budgetOptions = {
  allow: optional(
    '<list>',
    'let --memory choose more: offload and split, which are exact, sketch, quantize, states, which are not (default: none)',
    parse.list,
  ),
};

export const dataOptions = {
  data: required('<paths>', 'text or token files, directories, globs; comma-separated', parse.list),
  tokenizer: optional('<spec>', 'byte, char, a directory, tokenizer.json or tokenizer.model', parse.text),
};

export const trainingOptions = {
  ...dataOptions,
  val: optional('<paths>', 'held-out data', parse.list),
  valFraction: optional('<f>', 'hold out the last fraction of the data', parse.fraction),
  maxEvalWindows: optional('<n>', 'evaluate at most so many windows', parse.positiveInteger),
  objective: optional(
    '<name>',
    'clm: the next token; mlm: masked tokens (default: what the model is made for)',
    parse.choice(['clm', 'mlm'] as const),
  ),
  order: defaulted(
    '<order>',
    'shuffled or sequential',
    parse.choice(['shuffled', 'sequential'] as const),
    'shuffled' as const,
  ),
  steps: defaulted('<n>', 'optimizer steps', parse.positiveInteger, 100),
  lr: optional(
    '<rate>',
    'peak learning rate (default: 1e-3, of adafactor and adalomo 2e-2, of lomo 0.1; of apollo 2e-3; divided by scale, which updates of the blocks are multiplied by)',
    parse.positive,
  ),
  schedule: defaulted('<name>', scheduleNames.join(', '), parse.choice(scheduleNames), 'cosine' as const),
  warmup: optional('<n>', 'steps of linear warm-up (default: a tenth of the steps)', parse.nonNegativeInteger),
  minLrRatio: defaulted('<f>', "the last step's learning rate as a fraction of the peak", parse.ratio, 0.1),
  betas: defaulted('<b1,b2>', "Adam's betas", parse.betas, [0.9, 0.999] as const),
  eps: defaulted('<e>', "Adam's epsilon", parse.positive, 1e-8),
  epsForm: defaulted(
    '<form>',
    'standard, or uncorrected as in the released code of CompAct and GaLore',
    parse.choice(['standard', 'uncorrected'] as const),
    'standard' as const,
  ),
  weightDecay: defaulted('<f>', 'decoupled weight decay', parse.nonNegative, 0),
  clip: optional('<norm>', 'clip gradients by global norm', parse.positive),
  evalEvery: optional('<n>', 'evaluate after every n steps (default: at the end)', parse.positiveInteger),
};

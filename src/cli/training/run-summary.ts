import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { ComputingEngine, LedgerReading } from '../../engine/index.js';
import { type RunSettings, type RunSummary, readRunSummary, summaryFile } from '../../report/index.js';
import { residentPeak, type Trainer } from '../../train/index.js';
import { describeMachine, instructionSet } from '../machine.js';
import { countParameters, type ModelChoice } from '../model-choice.js';
import type { OptionValues } from '../option-table.js';
import type { GlobalValues, trainingOptions } from '../options.js';
import { threadsOf } from '../threads.js';
import type { Metric } from './metrics-log.js';
import { formatRate } from './step-line.js';
import type { RunRequest } from './train-run.js';

export type { RunSummary };

/** Blocks that a summary lists. */
const largestBlocks = 24;

/** What is known about a run when its last step is done. */
export function summarize(
  { name, model, settings }: Pick<RunRequest, 'name' | 'model' | 'settings'>,
  trainer: Trainer,
  metrics: readonly Metric[],
  measured: { readonly seconds: number; readonly residentBase: number },
): RunSummary {
  const { prediction } = trainer;
  const ledger = trainer.engine.ledger.read();
  const last = metrics.at(-1);
  const validation = metrics.flatMap(({ step, validationLoss }) =>
    validationLoss === undefined ? [] : [{ step, loss: validationLoss }],
  );
  const valLoss = validation.at(-1)?.loss;
  const trainingSeconds = metrics.reduce((sum, { seconds }) => sum + seconds, 0);
  return {
    name,
    model: describeModel(model),
    methods: settings.plan.methods,
    steps: last?.step ?? 0,
    tokens: last?.tokens ?? 0,
    loss: last?.loss ?? null,
    ...(valLoss !== undefined && { valLoss }),
    seconds: measured.seconds,
    tokensPerSecond: trainingSeconds > 0 ? (last?.tokens ?? 0) / trainingSeconds : 0,
    memory: {
      predicted: footprint(prediction.memory),
      measured: footprint(ledger),
      savedPeak: ledger.peakByRole.saved,
      rss: { base: measured.residentBase, peak: residentPeak() },
    },
    flopsPerStep: prediction.flops,
    losses: metrics.map(({ loss }) => loss),
    learningRates: metrics.map(({ learningRate }) => learningRate),
    stepSeconds: metrics.map(({ seconds }) => seconds),
    firstStep: metrics[0]?.step ?? 1,
    validation,
    plan: settings.plan,
    largestBlocks: prediction.atPeak.slice(0, largestBlocks),
  };
}

function footprint({ peak, byRole }: LedgerReading) {
  return { peak, byRole };
}

function describeModel({ name, config }: ModelChoice): RunSummary['model'] {
  return {
    name,
    parameters: countParameters(config),
    layers: config.numHiddenLayers,
    hiddenSize: config.hiddenSize,
    intermediateSize: config.intermediateSize,
    heads: config.numAttentionHeads,
    keyValueHeads: 'numKeyValueHeads' in config ? config.numKeyValueHeads : config.numAttentionHeads,
    vocabSize: config.vocabSize,
  };
}

/** What was run on what, for the report. */
export function describeSettings(
  { model, settings }: Pick<RunRequest, 'model' | 'settings'>,
  run: {
    readonly data: readonly string[];
    readonly engine: ComputingEngine;
    readonly threads: number;
    /** Options beside those of every training. */
    readonly options: NonNullable<RunSettings['options']>;
  },
): RunSettings {
  const isa = instructionSet(run.engine);
  const { schedule, optimizer } = settings;
  return {
    model: model.name,
    parameters: countParameters(model.config),
    data: run.data.join(', '),
    batch: settings.batch,
    accumulate: settings.accumulate,
    sequenceLength: settings.sequenceLength,
    steps: schedule.steps,
    threads: run.threads,
    engine: run.engine,
    ...(isa !== undefined && { instructionSet: isa }),
    machine: describeMachine(),
    options: {
      ...run.options,
      lr: formatRate(schedule.learningRate),
      schedule: schedule.name,
      warmup: schedule.warmup,
      'min-lr-ratio': schedule.minRatio,
      betas: `${optimizer.beta1}, ${optimizer.beta2}`,
      eps: optimizer.epsilon,
      'weight-decay': optimizer.weightDecay,
      clip: settings.clip,
      seed: settings.seed,
    },
  };
}

/** The command line's `--json` result of a run. */
export function runResult(summary: RunSummary) {
  const { name, methods, steps, tokens, loss, valLoss, seconds, tokensPerSecond, memory, flopsPerStep, losses } =
    summary;
  return {
    name,
    methods,
    steps,
    tokens,
    loss,
    valLoss: valLoss ?? null,
    seconds,
    tokensPerSecond,
    memory,
    flopsPerStep,
    losses,
  };
}

/** What a training on text is described by, of its options. */
export function describedBy(values: OptionValues<typeof trainingOptions> & GlobalValues) {
  const { data, engine, tokenizer = null, order } = values;
  return { data, engine, threads: threadsOf(values), options: { tokenizer, order } };
}

/** Where nothing was left to train, the figures of the session that did it stand. */
export async function withEarlierMeasurements(summary: RunSummary, directory: string): Promise<RunSummary> {
  if (!existsSync(join(directory, summaryFile))) return summary;
  const { memory, seconds } = await readRunSummary(directory);
  return { ...summary, memory, seconds };
}

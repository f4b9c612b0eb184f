import type { LedgerReading } from '../../engine/index.js';
import type { RunSettings, RunSummary } from '../../report/index.js';
import { residentPeak, type Trainer } from '../../train/index.js';
import { describeMachine, instructionSet } from '../machine.js';
import { countParameters, type ModelChoice } from '../model-choice.js';
import type { OptionValues } from '../option-table.js';
import type { trainingOptions } from '../options.js';
import type { Metric } from './metrics-log.js';
import { formatRate } from './step-line.js';
import type { RunRequest } from './train-run.js';

export type { RunSummary };

/** Blocks that a summary lists. */
const largestBlocks = 24;

/** What is known about a run when its last step is done. */
export function summarize(
  { name, model, settings }: RunRequest,
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
    keyValueHeads: config.numKeyValueHeads,
    vocabSize: config.vocabSize,
  };
}

/** What was run on what, for the report. */
export function describeSettings(
  { model, settings, options }: Pick<RunRequest, 'model' | 'settings' | 'options'>,
  values: OptionValues<typeof trainingOptions>,
  threads: number,
): RunSettings {
  const isa = instructionSet(options.engine);
  const { schedule, optimizer } = settings;
  return {
    model: model.name,
    parameters: countParameters(model.config),
    data: values.data.join(', '),
    batch: settings.batch,
    accumulate: settings.accumulate,
    sequenceLength: settings.sequenceLength,
    steps: schedule.steps,
    threads,
    engine: options.engine,
    ...(isa !== undefined && { instructionSet: isa }),
    machine: describeMachine(),
    options: {
      tokenizer: values.tokenizer ?? null,
      order: values.order,
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

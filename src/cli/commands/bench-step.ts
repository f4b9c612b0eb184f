import Table from 'cli-table3';
import { createDryEngine, deriveKey, InputError, threefry } from '../../engine/index.js';
import { measurePeak } from '../../engine/native/peak.js';
import { createPlannedModel, TrainingProgram, usualBatch } from '../../plan/index.js';
import { formatBytes, formatCount, formatDuration } from '../../report/index.js';
import { type StepReport, Trainer, type TrainingData, type TrainingSettings } from '../../train/index.js';
import { type OpTime, OpTimes } from '../bench/op-times.js';
import type { BenchStepValues } from '../command-options.js';
import { instructionSet } from '../machine.js';
import { medianAndSpread } from '../median.js';
import { chooseModel, chooseSequenceLength, type ModelChoice } from '../model-choice.js';
import { chooseOffload } from '../offload-choice.js';
import type { Output } from '../output.js';
import { choosePlan, planAmongOthers, splitCombination } from '../plan-choice.js';
import { Progress } from '../progress.js';
import { threadsOf } from '../threads.js';

/** What one method's steps took. */
interface StepBench {
  readonly method: string;
  /** Median. */
  readonly secondsPerStep: number;
  /** Of the middle half of the steps, as a fraction of the median. */
  readonly spread: number;
  readonly tokensPerSecond: number;
  readonly peak: number;
  readonly savedPeak: number;
  /** How many times as fast as the first method: median over the rounds. */
  readonly speed: number;
  /** Of matrix products in one step. */
  readonly flops: number;
  readonly gflops: number;
  /** Fraction of what all threads together reached in registers between the steps; null for the reference engine. */
  readonly ofPeak: number | null;
  /** The same step on the engine that computes nothing: what JavaScript itself takes. */
  readonly javascript: { readonly secondsPerStep: number; readonly share: number };
  /** The longest first. */
  readonly ops: readonly OpTime[];
}

/** `compact bench step`. */
export async function benchStep(values: BenchStepValues, output: Output): Promise<undefined> {
  const model = chooseModel(values);
  const candidates = await chooseCandidates(values, model);
  using progress = new Progress(output);
  const { measured, peak } = await measure(candidates, values, progress);
  const rows: StepBench[] = [];
  for (const [index, { method, settings }] of candidates.entries()) {
    const dry = await drySeconds(settings, threadsOf(values));
    rows.push(summarize(method, settings, measured[index], { dry, peak, first: measured[0] }));
  }
  tell(rows, output);
  for (const row of rows) tellOps(row, output);
  output.result(values.methods ? { rows } : rows[0]);
  return undefined;
}

interface Candidate {
  readonly method: string;
  readonly settings: TrainingSettings;
}

async function chooseCandidates(values: BenchStepValues, { config }: ModelChoice): Promise<readonly Candidate[]> {
  const settingsOf = (plan: TrainingSettings['plan']): TrainingSettings => ({
    config,
    plan,
    batch: values.batch,
    accumulate: values.accumulate,
    sequenceLength: chooseSequenceLength(values.seq, config),
    // One step more to warm up.
    schedule: { name: 'constant', learningRate: 1e-3, steps: values.steps + 1, warmup: 0, minRatio: 1 },
    optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, epsilonForm: 'standard', weightDecay: 0 },
    clip: null,
    seed: values.seed,
  });
  if (!values.methods) {
    const plan = await choosePlan(values, config);
    return [{ method: plan.methods.join(','), settings: settingsOf(plan) }];
  }
  if (values.method || values.plan) throw new InputError('--methods excludes --method and --plan');
  return values.methods.map((combination) => ({
    method: combination,
    settings: settingsOf(planAmongOthers(splitCombination(combination), values, config)),
  }));
}

interface Measurement {
  readonly reports: readonly StepReport[];
  readonly ops: readonly OpTime[];
  readonly flops: number;
}

interface Measurements {
  readonly measured: readonly Measurement[];
  /** Median peak of all threads together, GFLOP/s; undefined for the reference engine. */
  readonly peak: number | undefined;
}

/** Steps of all candidates in turn, so that whatever else the machine does meets all of them alike. */
async function measure(
  candidates: readonly Candidate[],
  values: BenchStepValues,
  progress: Progress,
): Promise<Measurements> {
  const peaks: number[] = [];
  const trainers: Trainer[] = [];
  try {
    for (const { settings } of candidates) trainers.push(await openTrainer(settings, values));
    const running = trainers.map((trainer) => ({
      steps: trainer.run(),
      times: new OpTimes(trainer.engine),
      reports: [] as StepReport[],
    }));
    for (let step = 0; step <= values.steps; step++) {
      if (values.engine === 'native') {
        peaks.push(measurePeak({ isa: instructionSet(values.engine), threads: threadsOf(values) }).f32);
      }
      for (const [index, { steps, times, reports }] of running.entries()) {
        progress.show(`${candidates[index].method}: step ${step} of ${values.steps}`);
        if (step === 0) {
          await steps.next();
          continue;
        }
        const { value } = await times.watch(() => steps.next());
        if (value) reports.push(value);
      }
    }
    return {
      measured: running.map(({ reports, times }, index) => ({
        reports,
        ops: times.summarize(),
        flops: trainers[index].prediction.flops,
      })),
      peak: peaks.length > 0 ? medianAndSpread(peaks).median : undefined,
    };
  } finally {
    for (const trainer of trainers) await trainer[Symbol.asyncDispose]();
  }
}

function openTrainer(settings: TrainingSettings, values: BenchStepValues): Promise<Trainer> {
  const { engine, threads, memory } = values;
  return Trainer.open({
    settings,
    data: randomData(settings),
    engine,
    offload: chooseOffload(values),
    ...(threads !== undefined && { threads }),
    ...(memory !== undefined && { memoryBudget: memory }),
  });
}

/** Seconds of a step in which no engine computes. */
async function drySeconds(settings: TrainingSettings, threads: number): Promise<number> {
  using engine = createDryEngine({ threads });
  using model = createPlannedModel(engine, settings.config, settings.sequenceLength, settings.plan);
  using program = new TrainingProgram(engine, model, settings.plan, { ...settings, clip: settings.clip ?? undefined });
  const data = randomData(settings);
  const microBatches = Array.from({ length: settings.accumulate }, (_, index) => data.batch(index));
  const readings: number[] = [];
  for (let step = 0; step < 12; step++) {
    const started = performance.now();
    await program.step(microBatches, { step, learningRate: 1e-3 });
    // The first steps are the compiler's.
    if (step >= 5) readings.push((performance.now() - started) / 1000);
  }
  return medianAndSpread(readings).median;
}

function randomData({ config, batch, sequenceLength }: TrainingSettings): TrainingData {
  const draw = (index: number) => {
    const key = deriveKey(index, 'dataOrder', 0, 0);
    return Int32Array.from({ length: batch * sequenceLength }, (_, i) => threefry(key, i, 0)[0] % config.vocabSize);
  };
  return {
    fingerprint: 'random',
    batch: (index) => ({ ...usualBatch(config, batch, sequenceLength), inputs: draw(index) }),
  };
}

function summarize(
  method: string,
  { batch, accumulate, sequenceLength }: TrainingSettings,
  { reports, ops, flops }: Measurement,
  { dry, peak, first }: { readonly dry: number; readonly peak: number | undefined; readonly first: Measurement },
): StepBench {
  const { median, spread } = medianAndSpread(reports.map(({ seconds }) => seconds));
  const { memory } = reports[reports.length - 1];
  const gflops = flops / median / 1e9;
  return {
    method,
    secondsPerStep: median,
    spread,
    speed: medianAndSpread(reports.map(({ seconds }, round) => first.reports[round].seconds / seconds)).median,
    tokensPerSecond: (batch * accumulate * sequenceLength) / median,
    peak: memory.peak,
    savedPeak: memory.peakByRole.saved,
    flops,
    gflops,
    ofPeak: peak === undefined ? null : gflops / peak,
    javascript: { secondsPerStep: dry, share: dry / median },
    ops,
  };
}

function tell(rows: readonly StepBench[], output: Output): void {
  const table = new Table({
    head: ['method', 'step', 'spread', 'speed', 'tokens/s', 'GFLOP/s', 'of peak', 'memory', 'saved', 'JavaScript'],
    colAligns: ['left', ...Array.from({ length: 9 }, () => 'right' as const)],
    style: { head: [], border: [], compact: true },
  });
  for (const row of rows) {
    table.push([
      row.method,
      formatDuration(row.secondsPerStep),
      percent(row.spread),
      `${row.speed.toFixed(2)} ×`,
      formatCount(row.tokensPerSecond),
      row.gflops.toFixed(0),
      row.ofPeak === null ? '–' : percent(row.ofPeak),
      formatBytes(row.peak),
      formatBytes(row.savedPeak),
      percent(row.javascript.share),
    ]);
  }
  output.say(table.toString());
}

/** Less than this part of a step is not told. */
const smallest = 0.001;

function tellOps({ method, ops }: StepBench, output: Output): void {
  const table = new Table({
    head: [`ops of ${method}`, 'calls', 'time', 'share', 'GFLOP/s', 'GB/s'],
    colAligns: ['left', ...Array.from({ length: 5 }, () => 'right' as const)],
    style: { head: [], border: [], compact: true },
  });
  for (const { op, calls, seconds, share, flops, bytes } of ops) {
    if (share < smallest) continue;
    const rates = [flops, bytes].map((count) => (count > 0 ? (count / seconds / 1e9).toFixed(0) : ''));
    table.push([op, calls, formatDuration(seconds), percent(share), ...rates]);
  }
  output.say(table.toString());
}

function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(1)} %`;
}

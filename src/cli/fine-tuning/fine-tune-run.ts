import { join } from 'node:path';
import type { Tokenizer } from '../../data/index.js';
import type { ScoreSummary } from '../../report/index.js';
import {
  fineTune,
  resetResidentPeak,
  residentBytes,
  type Score,
  ScoreBoard,
  Trainer,
  type TrainingSettings,
} from '../../train/index.js';
import type { FineTuneValues } from '../command-options.js';
import type { ModelChoice } from '../model-choice.js';
import { chooseOffload } from '../offload-choice.js';
import type { Output } from '../output.js';
import { followSteps } from '../training/follow-steps.js';
import { MetricsLog } from '../training/metrics-log.js';
import { describeRun, makeDirectory } from '../training/run-directory.js';
import { type RunSummary, summarize } from '../training/run-summary.js';
import { memoryText } from '../training/step-line.js';
import type { TaskRun } from './task-run.js';

/** Directory below a run's that holds the best weights, as a model of its own. */
export const bestDirectory = 'best';

export interface FineTuneRequest {
  readonly name: string;
  readonly model: ModelChoice & { readonly directory: string };
  readonly settings: TrainingSettings;
  readonly task: TaskRun;
  readonly tokenizer: Tokenizer;
  readonly values: FineTuneValues;
  /** Optimizer steps in which each example comes once. */
  readonly stepsPerEpoch: number;
}

export interface FineTuneOutcome {
  readonly summary: RunSummary;
  readonly scores: readonly Score[];
  readonly trainedSteps: number;
  readonly interrupted: boolean;
}

/** Trains, evaluates in between, keeps checkpoints and the best weights. */
export async function fineTuneRun(
  request: FineTuneRequest,
  output: Output,
  signal: AbortSignal,
): Promise<FineTuneOutcome> {
  const { name, settings, task, values } = request;
  const { out, patience, evalEvery = request.stepsPerEpoch } = values;
  resetResidentPeak();
  const residentBase = residentBytes();
  const started = performance.now();
  await using trainer = await openTrainer(request);
  const log = await MetricsLog.open(out, trainer.step);
  const earlierSeconds = log.metrics.reduce((sum, { seconds }) => sum + seconds, 0);
  const best = join(out, bestDirectory);
  await makeDirectory(best);
  for (const directory of [out, best]) await describe(request, trainer, directory);
  if (trainer.step > 0) output.note(`${out}: continuing after step ${trainer.step}`);
  output.note(`${name}: ${memoryText(trainer.prediction.memory)} (predicted)`);

  const board = new ScoreBoard(task.metrics[0], task.smallerIsBetter, scoresIn(log));
  const firstStep = trainer.step;
  const reports = fineTune(
    trainer,
    board,
    {
      evaluate: () => task.evaluate(trainer),
      evaluateEvery: evalEvery,
      patience,
      directory: out,
      onBest: () => trainer.saveWeights(best),
    },
    signal,
  );
  await followSteps(reports, log, output, { metricsOf: ({ score }) => score?.metrics });

  const seconds = earlierSeconds + (performance.now() - started) / 1000;
  const scores = scoreSummary(values.task, task.metrics[0], board);
  return {
    summary: {
      ...summarize(request, trainer, log.metrics, { seconds, residentBase }),
      ...(scores && { scores }),
    },
    scores: board.scores,
    trainedSteps: trainer.step - firstStep,
    interrupted: signal.aborted && trainer.step < settings.schedule.steps,
  };
}

function openTrainer({ model, settings, task, values }: FineTuneRequest): Promise<Trainer> {
  const { engine, threads, memory, out, resume } = values;
  return Trainer.open({
    settings,
    data: task.training,
    directory: out,
    init: model.directory,
    engine,
    offload: chooseOffload(values),
    resume,
    ...(threads !== undefined && { threads }),
    ...(memory !== undefined && { memoryBudget: memory }),
  });
}

async function describe(
  { model, settings, task, tokenizer }: FineTuneRequest,
  trainer: Trainer,
  directory: string,
): Promise<void> {
  await describeRun(directory, { ...settings, tokenizer, init: model.directory, model: trainer.model });
  await task.describe(directory);
}

function scoresIn({ metrics }: MetricsLog): readonly Score[] {
  return metrics.flatMap(({ step, validationLoss, metrics: measured }) =>
    measured && validationLoss !== undefined ? [{ step, loss: validationLoss, metrics: measured }] : [],
  );
}

function scoreSummary(task: string, metric: string, board: ScoreBoard): ScoreSummary | undefined {
  const { best } = board;
  if (!best) return undefined;
  return {
    task,
    metric,
    best: { step: best.step, value: board.valueOf(best) },
    evaluations: board.scores.map(({ step, metrics }) => ({ step, metrics })),
  };
}

import type { Tokenizer } from '../../data/index.js';
import { resetResidentPeak, residentBytes, Trainer, type TrainingSettings } from '../../train/index.js';
import type { ModelChoice } from '../model-choice.js';
import { chooseOffload } from '../offload-choice.js';
import type { OptionValues } from '../option-table.js';
import type { GlobalValues, offloadOptions } from '../options.js';
import type { Output } from '../output.js';
import type { RunData } from './data.js';
import { followSteps } from './follow-steps.js';
import { MetricsLog } from './metrics-log.js';
import { describeRun } from './run-directory.js';
import { type RunSummary, summarize } from './run-summary.js';
import { memoryText } from './step-line.js';

/** One run from its start, or from its checkpoint, to its end. */
export interface RunRequest {
  /** Label of the run: its methods. */
  readonly name: string;
  /** Made and checked before. */
  readonly directory: string;
  readonly model: ModelChoice;
  readonly settings: TrainingSettings;
  readonly data: RunData;
  readonly tokenizer: Tokenizer | undefined;
  readonly options: Pick<GlobalValues, 'engine' | 'threads'> &
    OptionValues<typeof offloadOptions> & {
      readonly memory: number | undefined;
      readonly evalEvery: number | undefined;
      readonly saveEvery?: number | undefined;
      readonly init: string | undefined;
      readonly resume?: boolean;
    };
  /** Whether the line of progress names the run. */
  readonly showName?: boolean;
}

export interface RunOutcome {
  readonly summary: RunSummary;
  /** Steps of this session. */
  readonly trainedSteps: number;
  /** Stopped by the signal before its last step. */
  readonly interrupted: boolean;
}

/**
 * Trains, with a line of progress, a line in `metrics.jsonl` per step, and checkpoints.
 *
 * @param signal stops after the step at hand, with a checkpoint
 */
export async function trainRun(request: RunRequest, output: Output, signal: AbortSignal): Promise<RunOutcome> {
  const { directory, settings, tokenizer } = request;
  resetResidentPeak();
  const residentBase = residentBytes();
  const started = performance.now();
  await using trainer = await openTrainer(request);
  const log = await MetricsLog.open(directory, trainer.step);
  const earlierSeconds = log.metrics.reduce((sum, { seconds }) => sum + seconds, 0);
  await describeRun(directory, { ...settings, tokenizer, init: request.options.init, model: trainer.model });
  if (trainer.step > 0) output.note(`${directory}: continuing after step ${trainer.step}`);
  output.note(`${request.name}: ${memoryText(trainer.prediction.memory)} (predicted)`);

  const firstStep = trainer.step;
  await followSteps(trainer.run(signal), log, output, { name: request.showName ? request.name : undefined });

  const seconds = earlierSeconds + (performance.now() - started) / 1000;
  const summary = summarize(request, trainer, log.metrics, { seconds, residentBase });
  return {
    summary,
    trainedSteps: trainer.step - firstStep,
    interrupted: signal.aborted && trainer.step < settings.schedule.steps,
  };
}

function openTrainer({ directory, settings, data, options }: RunRequest): Promise<Trainer> {
  const { engine, threads, memory, evalEvery, saveEvery, init, resume } = options;
  return Trainer.open({
    settings,
    data: data.training,
    directory,
    engine,
    offload: chooseOffload(options),
    ...(data.validation && { validation: data.validation }),
    ...(threads !== undefined && { threads }),
    ...(memory !== undefined && { memoryBudget: memory }),
    ...(evalEvery !== undefined && { evaluateEvery: evalEvery }),
    ...(saveEvery !== undefined && { saveEvery }),
    ...(init !== undefined && { init }),
    ...(resume && { resume }),
  });
}

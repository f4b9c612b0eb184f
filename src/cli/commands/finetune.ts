import { join } from 'node:path';
import type { Tokenizer } from '../../data/index.js';
import { InputError } from '../../engine/index.js';
import { isEncoder, longestSequence, type ModelConfig } from '../../models/index.js';
import { formatScore, runHeadline, writeRunReport, writeRunSummary } from '../../report/index.js';
import type { FineTuneValues } from '../command-options.js';
import { openExamples } from '../fine-tuning/example-task.js';
import { bestDirectory, type FineTuneOutcome, fineTuneRun } from '../fine-tuning/fine-tune-run.js';
import { openInstructions } from '../fine-tuning/instruction-task.js';
import { chooseFineTuningPlan, chooseMaxLength, fineTuningSettings } from '../fine-tuning/settings.js';
import type { TaskRun } from '../fine-tuning/task-run.js';
import { interrupted, withInterrupt } from '../interrupt.js';
import { chooseTrainedModel, type ModelChoice } from '../model-choice.js';
import type { Output } from '../output.js';
import { threadsOf } from '../threads.js';
import { chooseTokenizer, requireFittingTokenizer } from '../tokenizer-choice.js';
import { prepareRunDirectory, requireAdaptable } from '../training/run-directory.js';
import { describeSettings, runResult, withEarlierMeasurements } from '../training/run-summary.js';

/** Most tokens of a text where `--max-length` does not say. */
const usualMaxLength = 128;

/** `compact finetune`. */
export async function fineTuneModel(values: FineTuneValues, output: Output): Promise<number> {
  const model = chooseTrainedModel(values.model);
  const plan = await chooseFineTuningPlan(values, model.config);
  requireAdaptable(plan, model.directory);
  const tokenizer = await tokenizerOf(values, model.directory);
  requireFittingTokenizer(tokenizer, model.config.vocabSize, false);
  const maxLength = chooseMaxLength(values.maxLength, longestSequence(model.config), usualMaxLength);
  const { task, config } = await openTask(values, model, tokenizer, maxLength);
  const stepsPerEpoch = Math.ceil(task.batchesPerEpoch / values.accumulate);
  const sequenceLength = task.training.largest?.sequenceLength ?? maxLength;
  const settings = fineTuningSettings(values, config, plan, { sequenceLength, stepsPerEpoch });
  await prepareRunDirectory(values.out, values.resume);
  output.note(`${values.task}: ${task.examples.train} rows to train on, ${task.examples.validation} held out`);

  const request = {
    name: plan.methods.join(','),
    model: { ...model, config },
    settings,
    task,
    tokenizer,
    values,
    stepsPerEpoch,
  };
  const outcome = await withInterrupt(output, (signal) => fineTuneRun(request, output, signal));
  const trained = { ...outcome.summary, settings: describeSettings(request, describedBy(values)) };
  const summary = outcome.trainedSteps > 0 ? trained : await withEarlierMeasurements(trained, values.out);
  await writeRunSummary(values.out, summary);
  const report = await writeRunReport(values.out);
  const finished = { ...outcome, summary };
  tell(finished, values.out, report, output);
  output.result(result(finished, values.out));
  return outcome.interrupted ? interrupted : 0;
}

async function openTask(
  values: FineTuneValues,
  { config, directory }: ModelChoice & { readonly directory: string },
  tokenizer: Tokenizer,
  maxLength: number,
): Promise<{ readonly task: TaskRun; readonly config: ModelConfig }> {
  const { task } = values;
  if (task !== 'sft') return openExamples({ ...values, task }, config, tokenizer, maxLength);
  if (isEncoder(config)) {
    throw new InputError(`--task sft: a ${config.modelType} does not write text`, 'name a llama or gpt2');
  }
  return { task: await openInstructions(values, directory, tokenizer, maxLength), config };
}

function describedBy(values: FineTuneValues) {
  const { data, engine, task, val = null, epochs, truncate } = values;
  const limit = values.maxLength ?? null;
  const options = { task, val, epochs, 'max-length': limit, truncate };
  return { data: [data], engine, threads: threadsOf(values), options };
}

async function tokenizerOf({ tokenizer }: FineTuneValues, directory: string): Promise<Tokenizer> {
  const found = await chooseTokenizer(tokenizer, directory);
  if (found) return found;
  throw new InputError(`${directory}: holds no tokenizer`, 'name the one that belongs to the model with --tokenizer');
}

function tell({ summary, scores, interrupted: stopped }: FineTuneOutcome, out: string, report: string, output: Output) {
  if (stopped) output.note(`stopped after step ${summary.steps}; go on with --resume`);
  output.say(runHeadline(summary));
  const best = scores.find(({ step }) => step === summary.scores?.best.step);
  const values = Object.entries(best?.metrics ?? {}).map(([name, value]) => `${name} ${formatScore(value)}`);
  if (best) output.say(`best weights: ${join(out, bestDirectory)} (step ${best.step}: ${values.join(', ')})`);
  output.say(`report: ${report}`);
}

/** The command line's `--json` result: that of a run, with what was measured. */
function result({ summary, scores, interrupted: stopped }: FineTuneOutcome, out: string) {
  const metric = summary.scores?.metric ?? null;
  const last = scores.at(-1);
  const best = summary.scores?.best;
  return {
    ...runResult(summary),
    task: summary.scores?.task ?? null,
    metric,
    value: metric === null ? null : (last?.metrics[metric] ?? null),
    best: best?.value ?? null,
    bestStep: best?.step ?? null,
    bestDirectory: best ? join(out, bestDirectory) : null,
    metrics: scores.find(({ step }) => step === best?.step)?.metrics ?? null,
    evaluations: scores,
    interrupted: stopped,
  };
}

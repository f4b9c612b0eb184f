import { InputError } from '../../engine/index.js';
import { type MemoryPlan, predict, usualOffloadBandwidth } from '../../plan/index.js';
import { runHeadline, writeRunReport, writeRunSummary } from '../../report/index.js';
import { checkpointedChoice, type TrainingSettings } from '../../train/index.js';
import type { PretrainValues } from '../command-options.js';
import { choosesByMemory, fitToMemory } from '../fit-to-memory.js';
import { interrupted, withInterrupt } from '../interrupt.js';
import { chooseModel, type ModelChoice } from '../model-choice.js';
import type { Output } from '../output.js';
import { choosePlan } from '../plan-choice.js';
import { fittedLine } from '../plan-tables.js';
import { threadsOf } from '../threads.js';
import { chooseTokenizer, requireFittingTokenizer } from '../tokenizer-choice.js';
import { openRunData } from '../training/data.js';
import { forObjective } from '../training/objective.js';
import { prepareRunDirectory, requireAdaptable } from '../training/run-directory.js';
import {
  describedBy,
  describeSettings,
  type RunSummary,
  runResult,
  withEarlierMeasurements,
} from '../training/run-summary.js';
import { chooseSettings, defaultLearningRate } from '../training/settings.js';
import { withSpecialTokens } from '../training/special-tokens.js';
import { type RunRequest, trainRun } from '../training/train-run.js';

/** `compact pretrain`. */
export async function pretrain(values: PretrainValues, output: Output): Promise<number> {
  const chosen = forObjective(chooseModel(values), values.objective);
  const named = await choosePlan(values, chosen.config);
  requireAdaptable(named, values.init);
  const draft = await settle(chooseSettings(values, chosen.config, named), values, output);
  const { plan } = draft;
  await prepareRunDirectory(values.out, values.resume);
  const tokenizer = await chooseTokenizer(values.tokenizer, chosen.directory, values.data);
  if (tokenizer) requireFittingTokenizer(tokenizer, chosen.config.vocabSize, true);
  noteUnusedWeights(chosen, values, output);

  const model = { ...chosen, config: withSpecialTokens(chosen.config, tokenizer) };
  const settings = { ...draft, config: model.config };
  using data = await openRunData(values, settings, tokenizer, output);
  const name = plan.methods.join(',');
  const options = { ...values, offloadBandwidth: values.offloadBandwidth ?? assumedBandwidth(plan) };
  const request: RunRequest = { name, directory: values.out, model, settings, data, tokenizer, options };
  const outcome = await withInterrupt(output, (signal) => trainRun(request, output, signal));
  const trained = { ...outcome.summary, settings: describeSettings(request, describedBy(values)) };
  const summary = outcome.trainedSteps > 0 ? trained : await withEarlierMeasurements(trained, values.out);
  await writeRunSummary(values.out, summary);
  const report = await writeRunReport(values.out);
  tell(summary, report, outcome.interrupted, output);
  output.result({ ...runResult(summary), interrupted: outcome.interrupted });
  return outcome.interrupted ? interrupted : 0;
}

/** What a plan that a budget chose was priced by; a slower directory is refused. */
function assumedBandwidth({ methods, slots }: MemoryPlan): number | undefined {
  const offloads = methods.includes('fitted') && slots.some(({ form }) => form === 'offload');
  return offloads ? usualOffloadBandwidth : undefined;
}

/** Settings with the plan that the budget chooses. What does not fit together shows before a long text is encoded. */
async function settle(draft: TrainingSettings, values: PretrainValues, output: Output): Promise<TrainingSettings> {
  const request = { ...draft, threads: threadsOf(values), clip: draft.clip ?? undefined };
  // The choice stands for the whole run, even where kernels have been measured anew since.
  const earlier = values.resume && choosesByMemory(values) ? await checkpointedChoice(values.out) : undefined;
  if (earlier) return withRateFor(values, { ...draft, ...earlier });
  if (values.allow?.includes('offload') && values.offloadDir === undefined) {
    throw new InputError('--allow offload needs a directory for what goes there', 'add --offload-dir <dir>');
  }
  const fitted = await fitToMemory(values, request);
  if (!fitted) {
    await predict(request);
    return draft;
  }
  output.note(fittedLine(fitted));
  const { plan, batch, accumulate } = fitted.request;
  return withRateFor(values, { ...draft, plan, batch, accumulate });
}

/** A budget may have chosen sketches, whose updates are smaller. */
function withRateFor({ lr }: PretrainValues, settings: TrainingSettings): TrainingSettings {
  const learningRate = lr ?? defaultLearningRate(settings.plan);
  return { ...settings, schedule: { ...settings.schedule, learningRate } };
}

function noteUnusedWeights({ directory, name }: ModelChoice, { init, resume }: PretrainValues, output: Output): void {
  if (directory === undefined || init !== undefined || resume) return;
  output.note(`${name}: its shape is used, its weights are not; add --init ${name} to start from them`);
}

function tell(summary: RunSummary, report: string, stopped: boolean, output: Output): void {
  if (stopped) output.note(`stopped after step ${summary.steps}; go on with --resume`);
  output.say(runHeadline(summary));
  output.say(`report: ${report}`);
}

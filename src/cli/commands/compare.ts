import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Tokenizer } from '../../data/index.js';
import { InputError } from '../../engine/index.js';
import { createCausalModel } from '../../models/index.js';
import { predict } from '../../plan/index.js';
import {
  type CompareSummary,
  formatComparisonTable,
  type RunSummary,
  writeCompareReport,
  writeRunReport,
  writeRunSummary,
} from '../../report/index.js';
import { hasCheckpoint } from '../../train/index.js';
import type { CompareValues } from '../command-options.js';
import { type ContinuationOptions, continueText, promptTokens } from '../continue-text.js';
import { loadModel } from '../inference.js';
import { interrupted, withInterrupt } from '../interrupt.js';
import { chooseModel, type ModelChoice } from '../model-choice.js';
import type { Output } from '../output.js';
import { planAmongOthers, splitCombination } from '../plan-choice.js';
import { threadsOf } from '../threads.js';
import { chooseTokenizer, requireFittingTokenizer } from '../tokenizer-choice.js';
import { openRunData } from '../training/data.js';
import { forObjective } from '../training/objective.js';
import { prepareRunDirectory } from '../training/run-directory.js';
import { describedBy, describeSettings, runResult } from '../training/run-summary.js';
import { chooseSettings } from '../training/settings.js';
import { withSpecialTokens } from '../training/special-tokens.js';
import { type RunRequest, trainRun } from '../training/train-run.js';

/** `compact compare`. */
export async function compare(values: CompareValues, output: Output): Promise<number> {
  const chosen = forObjective(chooseModel(values), values.objective);
  const tokenizer = await chooseTokenizer(values.tokenizer, chosen.directory, values.data);
  if (tokenizer) requireFittingTokenizer(tokenizer, chosen.config.vocabSize, true);
  const model = { ...chosen, config: withSpecialTokens(chosen.config, tokenizer) };
  const drafts = await draftRuns(values, model);
  const story = planStory(values, tokenizer, drafts[0].settings.sequenceLength);
  // None is cleared before all may be.
  for (const { directory } of drafts) await requireReplaceable(directory, values.overwrite);
  for (const { directory } of drafts) await clearDirectory(directory);

  const runs: RunSummary[] = [];
  // All runs read the same windows in the same order: they have model, batch, length and seed in common.
  using data = await openRunData(values, drafts[0].settings, tokenizer, output);
  const requests = drafts.map((draft) => ({ ...draft, model, data, tokenizer, options: values, showName: true }));
  const stopped = await withInterrupt(output, async (signal) => {
    for (const request of requests) {
      if (signal.aborted) return true;
      const outcome = await trainRun(request, output, signal);
      if (outcome.interrupted) return true;
      runs.push(await finishRun(request, outcome.summary, story, values));
    }
    return false;
  });
  if (stopped) {
    output.note(`stopped after ${runs.length} of ${requests.length} runs; there is no comparison`);
    output.result({ interrupted: true, runs: runs.map(runResult) });
    return interrupted;
  }
  await tellComparison(values, requests, runs, output);
  return 0;
}

type RunDraft = Pick<RunRequest, 'name' | 'directory' | 'settings'>;

/** Checks every combination before the first one is trained. */
async function draftRuns(values: CompareValues, { config }: ModelChoice): Promise<readonly RunDraft[]> {
  const drafts: RunDraft[] = [];
  for (const combination of values.methods) {
    const plan = planAmongOthers(splitCombination(combination), values, config);
    const settings = chooseSettings(values, config, plan);
    await predict({ ...settings, threads: threadsOf(values), clip: settings.clip ?? undefined });
    const directory = join(values.out, combination);
    if (drafts.some((draft) => draft.directory === directory)) {
      throw new InputError(`--methods: "${combination}" comes twice`);
    }
    drafts.push({ name: combination, directory, settings });
  }
  return drafts;
}

async function requireReplaceable(directory: string, overwrite: boolean): Promise<void> {
  if (!(await hasCheckpoint(directory)) || overwrite) return;
  throw new InputError(`${directory}: holds a run already`, 'add --overwrite, or name another directory with --out');
}

async function clearDirectory(directory: string): Promise<void> {
  if (await hasCheckpoint(directory)) await rm(directory, { recursive: true });
  await prepareRunDirectory(directory, false);
}

/** What each trained model is to write. */
interface StoryPlan extends ContinuationOptions {
  readonly prompt: string;
  readonly ids: readonly number[];
  readonly tokenizer: Tokenizer;
  /** Tokens of prompt and story: beyond the trained length a young model only stammers. */
  readonly positions: number;
}

function planStory(
  { prompt, maxTokens, temperature, topP, seed }: CompareValues,
  tokenizer: Tokenizer | undefined,
  sequenceLength: number,
): StoryPlan | undefined {
  if (prompt === undefined) return undefined;
  if (!tokenizer) throw new InputError('--prompt needs a tokenizer', 'add --tokenizer');
  const ids = promptTokens(tokenizer, prompt);
  const room = sequenceLength - ids.length;
  if (ids.length === 0 || room < 1) {
    throw new InputError(`--prompt: expected 1 to ${sequenceLength - 1} tokens, found ${ids.length}`);
  }
  const positions = ids.length + Math.min(maxTokens, room);
  return { prompt, ids, tokenizer, positions, maxTokens: positions - ids.length, temperature, topP, seed };
}

/** Lets the trained model write, and writes the run's own summary and report. */
async function finishRun(
  request: RunRequest,
  summary: RunSummary,
  plan: StoryPlan | undefined,
  values: CompareValues,
): Promise<RunSummary> {
  const run = { ...summary, ...(plan && { story: await writeStory(request, plan) }) };
  const settings = describeSettings(request, describedBy(values));
  await writeRunSummary(request.directory, { ...run, settings });
  await writeRunReport(request.directory);
  return run;
}

async function writeStory({ directory, model, options }: RunRequest, plan: StoryPlan) {
  using loaded = await loadModel(createCausalModel, { ...model, directory }, plan.positions, options);
  let text = '';
  for await (const part of continueText(loaded, plan.tokenizer, plan.ids, plan)) text += part.text;
  return { prompt: plan.prompt, text };
}

async function tellComparison(
  values: CompareValues,
  requests: readonly RunRequest[],
  runs: readonly RunSummary[],
  output: Output,
): Promise<void> {
  const [first] = requests;
  const settings = describeSettings(first, describedBy(values));
  const rates = new Set(requests.map((request) => request.settings.schedule.learningRate));
  const lr = requests.map(({ name, settings: { schedule } }) => `${name} ${schedule.learningRate}`).join(', ');
  const summary: CompareSummary = {
    title: values.title ?? `${first.model.name}: ${values.methods.join(', ')}`,
    settings: rates.size === 1 ? settings : { ...settings, options: { ...settings.options, lr } },
    runs,
  };
  const report = await writeCompareReport(values.out, summary);
  output.say(formatComparisonTable(summary, { colors: output.colors }));
  for (const { name, story } of runs) if (story) output.say(`\n${name}:\n${story.prompt}${story.text}`);
  output.say(`\nreport: ${report}`);
  output.result({ report, runs: runs.map((run) => ({ ...runResult(run), story: run.story ?? null })) });
}

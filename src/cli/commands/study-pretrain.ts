import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hasTokenizer, loadTokenizer } from '../../data/index.js';
import { InputError } from '../../engine/index.js';
import { replaceFileWith } from '../../models/index.js';
import { FileLock } from '../../train/file-lock.js';
import type { StudyPretrainValues } from '../command-options.js';
import { interrupted, withInterrupt } from '../interrupt.js';
import { chooseModel, chooseSequenceLength, countParameters, type ModelChoice } from '../model-choice.js';
import type { Output } from '../output.js';
import { DataBySeed } from '../study/data-by-seed.js';
import { usualStudyMethods } from '../study/pretrain-methods.js';
import { writeStudyPage } from '../study/pretrain-page.js';
import { PretrainRows } from '../study/pretrain-rows.js';
import { PretrainStudy, type StudyEntry } from '../study/pretrain-study.js';
import { runStudy } from '../study/run-study.js';
import { readStudyMethod, studyPlan } from '../study/study-method.js';
import { chooseTokenizer, requireFittingTokenizer } from '../tokenizer-choice.js';
import { openRunData } from '../training/data.js';
import { forObjective } from '../training/objective.js';
import { makeDirectory } from '../training/run-directory.js';
import { withSpecialTokens } from '../training/special-tokens.js';
import { tokenizerTrain } from './tokenizer-train.js';

/** `compact study pretrain`: many methods at their best learning rates from the same starts; goes on where it was stopped. */
export async function studyPretrain(values: StudyPretrainValues, output: Output): Promise<number> {
  if (!values.val && values.valFraction === undefined) {
    throw new InputError('a study compares losses on held-out text', 'add --val FILE or --val-fraction 0.05');
  }
  const chosen = forObjective(chooseModel(values), values.objective);
  const plans = await Promise.all(
    (values.methods ?? usualStudyMethods).map(async (label) => {
      return { label, plan: await studyPlan(readStudyMethod(label), chosen.config) };
    }),
  );
  const twice = plans.find(({ label }, index) => plans.findIndex((other) => other.label === label) < index);
  if (twice) throw new InputError(`--methods: "${twice.label}" comes twice`);
  const sequenceLength = chooseSequenceLength(values.seq, chosen.config);
  const steps = values.steps ?? stepsFor(values, chosen);
  await makeDirectory(values.out);
  const tokenizer = await studyTokenizer(values, chosen, output);
  const model = { ...chosen, config: withSpecialTokens(chosen.config, tokenizer) };
  using data = new DataBySeed((seed) => {
    const settings = { config: model.config, batch: values.batch, sequenceLength, seed };
    return openRunData({ ...values, lr: undefined, steps, seed }, settings, tokenizer, output);
  });
  const study = new PretrainStudy({ ...values, steps }, model, tokenizer, (seed) => data.of(seed));
  const entries = plans.map(({ label, plan }) => study.entry(label, plan));
  for (const entry of entries) await study.check(entry);
  await requireSameStudy(values, model, steps);
  const table = await PretrainRows.open(join(values.out, 'study.csv'));

  const directory = join(values.out, 'runs');
  await makeDirectory(directory);
  const write = () => writeStudyPage(values.out, table.rows, describe(values, model, steps, entries));
  const stopped = await withInterrupt(output, (signal) =>
    runStudy({ study, entries, seeds: values.seeds, table, directory, output, signal }),
  );
  await table.reload();
  const page = await write();
  if (stopped) output.note('stopped; the same command goes on');
  else output.say(page.trim());
  output.say(`\ntables and charts: ${values.out}`);
  output.result({ interrupted: stopped, rows: table.rows });
  return stopped ? interrupted : 0;
}

function stepsFor(
  { tokensPerParameter, batch, accumulate, seq }: StudyPretrainValues,
  { config }: ModelChoice,
): number {
  const tokensPerStep = batch * accumulate * chooseSequenceLength(seq, config);
  return Math.ceil((tokensPerParameter * countParameters(config)) / tokensPerStep);
}

/** The tokenizer that is named, else one of the model's vocabulary that is learned from the training text and kept. */
async function studyTokenizer(values: StudyPretrainValues, model: ModelChoice, output: Output) {
  const { tokenizer: spec, data, out } = values;
  let tokenizer = await chooseTokenizer(spec, model.directory, data);
  if (!tokenizer && !data.every((path) => path.endsWith('.bin'))) {
    const directory = join(out, 'tokenizer');
    const { vocabSize } = model.config;
    await using _ = hasTokenizer(directory) ? undefined : await waitForTokenizer(out, output);
    if (!hasTokenizer(directory)) await tokenizerTrain({ ...values, vocabSize, kind: 'gpt2', out: directory }, output);
    tokenizer = await loadTokenizer(directory);
  }
  if (tokenizer) requireFittingTokenizer(tokenizer, model.config.vocabSize, true);
  return tokenizer;
}

function waitForTokenizer(out: string, output: Output): Promise<FileLock> {
  return FileLock.wait(join(out, 'tokenizer.lock'), () => output.note('another process trains the tokenizer'));
}

/** Rows are comparable only where everything but method, rate and seed is the same. */
async function requireSameStudy(values: StudyPretrainValues, { config }: ModelChoice, steps: number): Promise<void> {
  const { data, val, valFraction, maxEvalWindows, order, batch, accumulate, seq, schedule, warmup, minLrRatio } =
    values;
  const { betas, eps, epsForm, weightDecay, clip, tokenizer } = values;
  const text = `${JSON.stringify(
    {
      ...{ config, steps, batch, accumulate, seq, data, val, valFraction, maxEvalWindows, order, tokenizer },
      ...{ schedule, warmup, minLrRatio, betas, eps, epsForm, weightDecay, clip },
    },
    null,
    2,
  )}\n`;
  const path = join(values.out, 'study.json');
  await using _ = await FileLock.wait(`${path}.lock`);
  if (!existsSync(path)) return replaceFileWith(path, text);
  if ((await readFile(path, 'utf8')) === text) return;
  throw new InputError(
    `${path}: the rows there come from another model, other data or other settings`,
    'repeat the command that began it, or name another directory with --out',
  );
}

function describe(
  { data, val, valFraction, batch, accumulate, seq, seeds, lrs, ...values }: StudyPretrainValues,
  model: ModelChoice,
  steps: number,
  entries: readonly StudyEntry[],
) {
  const parameters = countParameters(model.config);
  const tokens = steps * batch * accumulate * chooseSequenceLength(seq, model.config);
  return {
    model: model.name,
    methods: entries.map(({ label }) => label),
    ...{ parameters, steps, tokens, seeds, lrs, clip: values.clip, schedule: values.schedule },
    data: data.join(', '),
    heldOut: val ? val.join(', ') : `the last ${valFraction} of it`,
    batch: `${batch * accumulate} × ${chooseSequenceLength(seq, model.config)} tokens`,
  };
}

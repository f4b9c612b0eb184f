import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import { type Decision, readTextRows, SequenceEncoder, type TextRow, type Tokenizer } from '../../data/index.js';
import { InputError } from '../../engine/index.js';
import { createModel, Encoder, type EncoderConfig, isEncoder, longestSequence } from '../../models/index.js';
import { scoreBatch } from '../../plan/index.js';
import type { PredictValues } from '../command-options.js';
import { collateFor, decideAll } from '../fine-tuning/example-task.js';
import { bestDirectory } from '../fine-tuning/fine-tune-run.js';
import { chooseMaxLength } from '../fine-tuning/settings.js';
import { loadModel } from '../inference.js';
import { chooseTrainedModel, type ModelChoice } from '../model-choice.js';
import type { Output } from '../output.js';
import { chooseTokenizer, requireFittingTokenizer } from '../tokenizer-choice.js';

/** `compact predict`: a line per text, in the order of the texts. */
export async function predictLabels(values: PredictValues, output: Output): Promise<undefined> {
  const model = chooseTrainedModel(bestOf(values.model));
  const { config } = model;
  if (!isEncoder(config) || (config.head !== 'classification' && config.head !== 'regression')) {
    throw new InputError(`${values.model}: gives no labels`, 'name the directory of a model from compact finetune');
  }
  const tokenizer = await chooseTokenizer(values.tokenizer, model.directory);
  if (!tokenizer) throw new InputError(`${values.model}: holds no tokenizer`, 'name it with --tokenizer');
  requireFittingTokenizer(tokenizer, config.vocabSize, false);
  const rows = await readRows(values);
  const decisions = await decideRows(rows, { ...model, config }, tokenizer, values);
  const results = decisions.map((decision) => describe(decision, config));
  if (values.to === 'tsv') {
    output.say(config.head === 'regression' ? 'score' : 'label\tscore');
    for (const { label, score } of results) output.say(label === undefined ? `${score}` : `${label}\t${score}`);
  } else for (const result of results) output.say(JSON.stringify(result));
  output.result({ predictions: results });
  return undefined;
}

/** The best weights of a fine-tuning, where the directory is that of a run. */
function bestOf(directory: string): string {
  const best = join(directory, bestDirectory);
  return existsSync(join(best, 'config.json')) ? best : directory;
}

async function readRows({ data, textColumn, pairColumn, format }: PredictValues): Promise<readonly TextRow[]> {
  const content = data === '-' ? { content: await readAll(process.stdin) } : {};
  return readTextRows(data, { text: textColumn, pair: pairColumn }, { format, ...content });
}

async function decideRows(
  rows: readonly TextRow[],
  model: ModelChoice & { readonly directory: string; readonly config: EncoderConfig },
  tokenizer: Tokenizer,
  values: PredictValues,
): Promise<readonly Decision[]> {
  const { config } = model;
  const most = longestSequence(config);
  const maxLength = chooseMaxLength(values.maxLength, most, most);
  const encoder = new SequenceEncoder(tokenizer, { maxLength, truncate: values.truncate });
  const examples = rows.map((row) => ({ ...encoder.encode(row), label: 0 }));
  using loaded = await loadModel(createModel, model, maxLength, values);
  const { engine, model: scorer } = loaded;
  if (!(scorer instanceof Encoder)) throw new InputError(`${values.model}: gives no labels`);
  const shape = { batchSize: values.batch, collate: collateFor(config, maxLength) };
  return await decideAll({ scores: (batch) => scoreBatch(engine, scorer, batch) }, examples, config, shape);
}

/** A decision as a line of output: label, its probability, and those of all classes; of a regression the score alone. */
function describe({ value, probabilities }: Decision, { labels, head }: EncoderConfig) {
  if (head === 'regression') return { score: value };
  return {
    label: labels[value],
    score: probabilities[value],
    scores: Object.fromEntries(labels.map((label, id) => [label, probabilities[id]])),
  };
}

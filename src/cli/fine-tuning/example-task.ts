import { createHash } from 'node:crypto';
import {
  batchesByLength,
  collateExamples,
  type Decision,
  decide,
  drawRows,
  type Example,
  encodeRows,
  LengthBatches,
  labelsOf,
  largestBatch,
  lossOf,
  type MetricValues,
  measure,
  readTaskRows,
  SequenceEncoder,
  smallerIsBetter,
  type TaskName,
  type Tokenizer,
  taskNamed,
} from '../../data/index.js';
import { InputError } from '../../engine/index.js';
import { type EncoderConfig, isEncoder, type ModelConfig } from '../../models/index.js';
import type { Trainer } from '../../train/index.js';
import type { FineTuneValues } from '../command-options.js';
import { fingerprint } from './instruction-task.js';
import type { TaskRun } from './task-run.js';

/** Labelled texts for an encoder with a head of its own. */
export async function openExamples(
  values: FineTuneValues & { readonly task: TaskName },
  given: ModelConfig,
  tokenizer: Tokenizer,
  maxLength: number,
): Promise<{ readonly task: TaskRun; readonly config: EncoderConfig }> {
  if (!isEncoder(given)) {
    throw new InputError(
      `--task ${values.task}: a ${given.modelType} gives no scores of texts`,
      'name a bert or roberta, or use --task sft',
    );
  }
  const task = taskNamed(values.task);
  const { objective } = task;
  const { textColumn: text, pairColumn: pair, labelColumn: label, val, valFraction, seed, batch, truncate } = values;
  const rows = await readTaskRows({
    task: values.task,
    data: values.data,
    validation: val,
    validationFraction: valFraction,
    columns: { text, pair, label },
    seed,
  });
  const kept = drawRows(rows.train, values.maxRows, seed);
  const labels = labelsOf(values.task, values.labels, kept);
  const encoder = new SequenceEncoder(tokenizer, { maxLength, truncate });
  const train = encodeRows(kept, encoder, labels);
  const validation = encodeRows(rows.validation, encoder, labels);
  const names = labels?.names ?? ['score'];
  const config: EncoderConfig = { ...given, head: objective, labels: names };
  const shape = { batchSize: batch, collate: collateFor(config, maxLength) };
  const batches = new LengthBatches(train, { ...shape, seed });
  return {
    config,
    task: {
      metrics: task.metrics,
      smallerIsBetter: smallerIsBetter(task.metrics[0]),
      examples: { train: train.length, validation: validation.length },
      batchesPerEpoch: batches.batchesPerEpoch,
      training: {
        fingerprint: nameOf(train),
        batch: (index) => batches.batch(index),
        largest: largestBatch([...train, ...validation], shape),
      },
      evaluate: async (trainer) => {
        const decisions = await decideAll(trainer, validation, config, shape);
        const references = validation.map(({ label: truth }) => truth);
        const losses = decisions.map((decision, place) => lossOf(decision, references[place]));
        const metrics: MetricValues = measure(
          task.metrics,
          decisions.map(({ value }) => value),
          references,
        );
        return { loss: losses.reduce((sum, loss) => sum + loss, 0) / losses.length, metrics };
      },
      describe: async () => {},
    },
  };
}

/** How rows of texts are made for an encoder. */
export function collateFor({ head, padTokenId, typeVocabSize }: EncoderConfig, maxLength: number) {
  const objective = head === 'regression' ? 'regression' : 'classification';
  const collate = collateExamples(objective, { padId: padTokenId, maxLength });
  return (examples: readonly Example[]) => {
    const { tokenTypes, ...batch } = collate(examples);
    return typeVocabSize > 1 ? { ...batch, tokenTypes } : batch;
  };
}

/** Decisions about texts, in their order, whatever batches they come in. */
export async function decideAll(
  scorer: Pick<Trainer, 'scores'>,
  examples: readonly Example[],
  { head, labels }: EncoderConfig,
  shape: { readonly batchSize: number; readonly collate: ReturnType<typeof collateFor> },
): Promise<readonly Decision[]> {
  const decisions: Decision[] = [];
  const objective = head === 'regression' ? 'regression' : 'classification';
  for (const { batch, places } of batchesByLength(examples, shape)) {
    const scores = await scorer.scores(batch);
    for (const [row, decision] of decide(scores, labels.length, objective).entries()) decisions[places[row]] = decision;
    // Ops block the event loop; between batches timers, signals and progress get their turn.
    await new Promise((resolve) => setImmediate(resolve));
  }
  return decisions;
}

function nameOf(examples: readonly Example[]): string {
  const texts = fingerprint(examples.map(({ ids, typeIds }) => [ids, typeIds]));
  const labels = JSON.stringify(examples.map(({ label }) => label));
  return createHash('sha256').update(texts).update(labels).digest('hex').slice(0, 32);
}

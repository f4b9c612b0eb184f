import { createHash } from 'node:crypto';
import {
  type BatchOptions,
  batchesByLength,
  type ChatTemplate,
  collateInstructions,
  collatePacked,
  drawRows,
  type EncodedInstruction,
  holdOut,
  InstructionEncoder,
  LengthBatches,
  largestBatch,
  loadChatTemplate,
  packInstructions,
  readInstructions,
  type Split,
  type Tokenizer,
} from '../../data/index.js';
import type { HostBatch } from '../../plan/index.js';
import type { FineTuneValues } from '../command-options.js';
import type { TaskRun } from './task-run.js';

/** Instructions for a causal model; only answers are learned. */
export async function openInstructions(
  values: FineTuneValues,
  directory: string,
  tokenizer: Tokenizer,
  maxLength: number,
): Promise<TaskRun> {
  const { data, val, valFraction, seed, batch, truncate } = values;
  const template = await loadChatTemplate(directory, values.chatTemplate);
  const encoder = new InstructionEncoder(tokenizer, template, { maxLength, truncate });
  const read = async (path: string) => (await readInstructions(path)).map((row) => encoder.encode(row));
  const rows = await read(data);
  const { train: all, validation } = val
    ? { train: rows, validation: await read(val) }
    : holdOut(rows, valFraction, seed);
  const rowOptions = { padId: tokenizer.eosId ?? 0, maxLength };
  const given = { train: drawRows(all, values.maxRows, seed), validation };
  const common = { template, examples: { train: given.train.length, validation: validation.length } };
  if (!values.packing) {
    return taskOf(given, { ...common, batchSize: batch, seed, collate: collateInstructions(rowOptions) });
  }
  const packed = {
    train: packInstructions(given.train, maxLength),
    validation: packInstructions(given.validation, maxLength),
  };
  return taskOf(packed, { ...common, batchSize: batch, seed, collate: collatePacked(rowOptions) });
}

interface RowSettings<S extends EncodedInstruction, B extends HostBatch> extends BatchOptions<S, B> {
  readonly seed: number;
  readonly template: ChatTemplate | undefined;
  readonly examples: TaskRun['examples'];
}

/** The task over rows of one text or of several. */
function taskOf<S extends EncodedInstruction, B extends HostBatch>(
  { train, validation }: Split<S>,
  { template, examples, seed, ...shape }: RowSettings<S, B>,
): TaskRun {
  const batches = new LengthBatches(train, { ...shape, seed });
  return {
    metrics: ['loss', 'perplexity'],
    smallerIsBetter: true,
    examples,
    batchesPerEpoch: batches.batchesPerEpoch,
    training: {
      fingerprint: fingerprint(train.map(({ ids, targets }) => [ids, targets])),
      batch: (index) => batches.batch(index),
      largest: largestBatch([...train, ...validation], shape),
    },
    evaluate: async (trainer) => {
      const batchesOfAll = Array.from(batchesByLength(validation, shape), ({ batch: rowsOfBatch }) => rowsOfBatch);
      const { loss, perplexity } = await trainer.evaluate(batchesOfAll);
      return { loss, metrics: { loss, perplexity } };
    },
    describe: async (path) => template?.save(path),
  };
}

/** Names encoded data: a run can only be resumed on the same. */
export function fingerprint(rows: readonly (readonly Int32Array[])[]): string {
  const hash = createHash('sha256');
  for (const columns of rows) for (const column of columns) hash.update(`${column.length}:`).update(column);
  return hash.digest('hex').slice(0, 32);
}

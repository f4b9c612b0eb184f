import { createHash } from 'node:crypto';
import {
  batchesByLength,
  collateInstructions,
  drawRows,
  holdOut,
  InstructionEncoder,
  LengthBatches,
  largestBatch,
  loadChatTemplate,
  readInstructions,
  type Tokenizer,
} from '../../data/index.js';
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
  const train = drawRows(all, values.maxRows, seed);
  const shape = { batchSize: batch, collate: collateInstructions({ padId: tokenizer.eosId ?? 0, maxLength }) };
  const batches = new LengthBatches(train, { ...shape, seed });
  return {
    metrics: ['loss', 'perplexity'],
    smallerIsBetter: true,
    examples: { train: train.length, validation: validation.length },
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

/** Labelled texts: reading them, their metrics, and batches of similar lengths. */
export { type EncodedText, type EncodeTextOptions, SequenceEncoder } from './encode-sequence.js';
export {
  type BatchShape,
  batchesByLength,
  type Example,
  type LabelledBatch,
  LengthBatches,
} from './length-batches.js';
export { type MetricName, type MetricValues, measure, smallerIsBetter } from './metrics.js';
export { encodeRows, labelsOf, readTaskRows, type TaskData, type TaskRows } from './read-task.js';
export type { TableFormat } from './table.js';
export { LabelSet, type Objective, type Task, type TaskName, taskNamed, taskNames } from './task.js';
export { type ColumnNames, readTextRows, type TextRow } from './text-rows.js';

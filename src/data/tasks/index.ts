/** Labelled texts: reading them, their metrics, and batches of similar lengths. */

export { type ChatMessage, ChatTemplate, loadChatTemplate } from './chat-template.js';
export {
  collateExamples,
  collateInstructions,
  collatePacked,
  type Example,
  type InstructionBatch,
  type LabelledBatch,
  type PackedBatch,
  type RowOptions,
} from './collate.js';
export { type Decision, decide, lossOf } from './decisions.js';
export { type EncodedText, type EncodeTextOptions, SequenceEncoder } from './encode-sequence.js';
export { drawRows, holdOut, type Split } from './hold-out.js';
export { type EncodedInstruction, type Instruction, InstructionEncoder, readInstructions } from './instructions.js';
export { type BatchOptions, batchesByLength, LengthBatches, largestBatch, type Sequence } from './length-batches.js';
export { type MetricName, type MetricValues, measure, smallerIsBetter } from './metrics.js';
export { type PackedInstructions, packInstructions } from './pack.js';
export { encodeRows, labelsOf, readTaskRows, type TaskData } from './read-task.js';
export type { TableFormat } from './table.js';
export { isBenchmark, LabelSet, type Objective, type Task, type TaskName, taskNamed, taskNames } from './task.js';
export { type ColumnNames, readTextRows, type TextRow } from './text-rows.js';

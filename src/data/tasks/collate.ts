import type { EncodedText } from './encode-sequence.js';
import type { EncodedInstruction } from './instructions.js';
import type { Sequence } from './length-batches.js';
import type { PackedInstructions } from './pack.js';
import type { Objective } from './task.js';

/** A text with its class id or score. */
export interface Example extends EncodedText {
  readonly label: number;
}

/** Sequences of different lengths beside each other, filled up to the longest of them. */
interface Rows {
  /** [B·T], row-major. */
  readonly inputs: Int32Array;
  /** [B], tokens of each row; what follows is filling. */
  readonly lengths: Int32Array;
  /** B. */
  readonly batch: number;
  /** T. */
  readonly sequenceLength: number;
}

/** Labelled texts as an encoder is trained on them. */
export interface LabelledBatch extends Rows {
  /** [B·T], segments. */
  readonly tokenTypes: Int32Array;
  /** [B], class ids or scores. */
  readonly targets: Int32Array | Float32Array;
}

/** Instructions as a causal model is trained on them. */
export interface InstructionBatch extends Omit<Rows, 'lengths'> {
  /** [B·T], the token after each; −100 where it is not to be predicted. */
  readonly targets: Int32Array;
}

/** Lengths are filled up to a multiple of this, so that a run has few different shapes. */
const lengthUnit = 8;

export interface RowOptions {
  /** Token id of the filling. */
  readonly padId: number;
  /** Longest row that the model takes. */
  readonly maxLength: number;
}

/** Rows of labelled texts. */
export function collateExamples(
  objective: Objective,
  options: RowOptions,
): (examples: readonly Example[]) => LabelledBatch {
  return (examples) => {
    const labels = examples.map(({ label }) => label);
    const rows = fill(examples, options);
    return {
      ...rows,
      tokenTypes: spread(rows, 0, examples, ({ typeIds }) => typeIds),
      targets: objective === 'regression' ? Float32Array.from(labels) : Int32Array.from(labels),
    };
  };
}

/** Rows of instructions. Filling comes last, where it is seen by no token that is predicted. */
export function collateInstructions(
  options: RowOptions,
): (instructions: readonly EncodedInstruction[]) => InstructionBatch {
  return (instructions) => {
    const { lengths: _, ...rows } = fill(instructions, options);
    return { ...rows, targets: spread(rows, -100, instructions, ({ targets }) => targets) };
  };
}

/** Instructions with several in each row, none of which sees another. */
export interface PackedBatch extends InstructionBatch {
  /** [B·T], number of the text within its row that a token is of; −1 in the filling. */
  readonly documents: Int32Array;
}

/** Rows of packed instructions. */
export function collatePacked(options: RowOptions): (rows: readonly PackedInstructions[]) => PackedBatch {
  const collate = collateInstructions(options);
  return (rows) => {
    const batch = collate(rows);
    return { ...batch, documents: spread(batch, -1, rows, ({ documents }) => documents) };
  };
}

function fill(sequences: readonly Sequence[], { padId, maxLength }: RowOptions): Rows {
  const lengths = Int32Array.from(sequences, ({ ids }) => ids.length);
  const sequenceLength = Math.min(maxLength, Math.ceil(Math.max(...lengths) / lengthUnit) * lengthUnit);
  const shape = { lengths, batch: sequences.length, sequenceLength };
  return { ...shape, inputs: spread(shape, padId, sequences, ({ ids }) => ids) };
}

/** [B·T]: the values of each sequence, then filling. */
function spread<S>(
  { batch, sequenceLength }: Pick<Rows, 'batch' | 'sequenceLength'>,
  filling: number,
  sequences: readonly S[],
  valuesOf: (sequence: S) => Int32Array,
): Int32Array {
  const all = new Int32Array(batch * sequenceLength).fill(filling);
  for (const [row, sequence] of sequences.entries()) all.set(valuesOf(sequence), row * sequenceLength);
  return all;
}

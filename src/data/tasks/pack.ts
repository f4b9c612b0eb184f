import type { EncodedInstruction } from './instructions.js';
import type { Sequence } from './length-batches.js';

/** Several texts in one row. */
export interface PackedInstructions extends Sequence {
  /** [T]. */
  readonly targets: Int32Array;
  /** [T], number of the text that a token is of, from 0. */
  readonly documents: Int32Array;
}

/**
 * Packs texts into rows of at most `maxLength` tokens by best fit in order of falling length, which leaves little room unused
 * and depends on nothing but the lengths. No text is cut.
 */
export function packInstructions(
  texts: readonly EncodedInstruction[],
  maxLength: number,
): readonly PackedInstructions[] {
  const rows: EncodedInstruction[][] = [];
  /** Numbers of the rows by the room that is left in them. */
  const byRoom: number[][] = Array.from({ length: maxLength + 1 }, () => []);
  for (const text of texts.toSorted((a, b) => b.ids.length - a.ids.length)) {
    const { length } = text.ids;
    let room = length;
    while (room < maxLength && byRoom[room].length === 0) room++;
    const row = byRoom[room].pop() ?? rows.push([]) - 1;
    rows[row].push(text);
    byRoom[room - length].push(row);
  }
  return rows.map(joined);
}

function joined(texts: readonly EncodedInstruction[]): PackedInstructions {
  return {
    ids: Int32Array.from(texts.flatMap(({ ids }) => [...ids])),
    targets: Int32Array.from(texts.flatMap(({ targets }) => [...targets])),
    documents: Int32Array.from(texts.flatMap(({ ids }, number) => Array<number>(ids.length).fill(number))),
  };
}

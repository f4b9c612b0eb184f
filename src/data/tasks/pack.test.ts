import { describe, expect, it } from 'vitest';
import { deriveKey, threefry } from '../../engine/threefry.js';
import { collatePacked } from './collate.js';
import type { EncodedInstruction } from './instructions.js';
import { packInstructions } from './pack.js';

const key = deriveKey(1, 'dataOrder', 0, 0);
const texts = Array.from({ length: 200 }, (_, number): EncodedInstruction => {
  const length = 1 + (threefry(key, number, 0)[0] % 30);
  const ids = Int32Array.from({ length }, (_unused, i) => 1000 * number + i);
  return { ids, targets: ids.map((id, i) => (i < length / 2 ? -100 : id + 1)) };
});

describe('packed instructions', () => {
  const rows = packInstructions(texts, 32);

  it('hold every text once, whole and with its targets', () => {
    const found = rows.flatMap(({ ids, targets, documents }) =>
      Array.from({ length: 1 + documents[documents.length - 1] }, (_, number) => {
        const [from, to] = [documents.indexOf(number), documents.lastIndexOf(number) + 1];
        return { ids: ids.slice(from, to), targets: targets.slice(from, to) };
      }),
    );
    const sorted = found.toSorted((a, b) => a.ids[0] - b.ids[0]);
    expect(sorted).toEqual(texts);
  });

  it('fill rows of the length that is allowed but for a few percent', () => {
    const tokens = texts.reduce((sum, { ids }) => sum + ids.length, 0);
    expect(Math.max(...rows.map(({ ids }) => ids.length))).toBeLessThanOrEqual(32);
    expect(rows.length).toBeLessThanOrEqual(Math.ceil(1.05 * (tokens / 32)));
  });

  it('become batches whose filling belongs to no text', () => {
    const collate = collatePacked({ padId: 7, maxLength: 64 });
    const [a, b] = [texts[0], texts[1]].map((text) => packInstructions([text, text], 64)[0]);
    const { inputs, targets, documents, sequenceLength } = collate([a, b]);
    for (const [row, { ids, targets: own, documents: numbers }] of [a, b].entries()) {
      const at = row * sequenceLength;
      const end = at + ids.length;
      expect(inputs.slice(at, end)).toEqual(ids);
      expect(targets.slice(at, end)).toEqual(own);
      expect(documents.slice(at, end)).toEqual(numbers);
      const rest = { inputs, targets, documents };
      for (const [name, value] of [
        ['inputs', 7],
        ['targets', -100],
        ['documents', -1],
      ] as const) {
        expect(new Set(rest[name].slice(end, at + sequenceLength))).toEqual(
          ids.length === sequenceLength ? new Set() : new Set([value]),
        );
      }
    }
  });
});

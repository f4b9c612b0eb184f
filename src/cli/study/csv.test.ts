import { describe, expect, it } from 'vitest';
import { csvLine, readCsv } from './csv.js';

describe('a table of a study', () => {
  const lines = [
    ['method', 'lr', 'loss'],
    ['full+compact@n/4', 0.004, undefined],
    ['a "b", c\nd', -1e-7, ''],
  ];

  it('comes back as it was written', () => {
    const text = lines.map(csvLine).join('');
    expect(readCsv(text)).toEqual(lines.map((line) => line.map((cell) => String(cell ?? ''))));
  });

  it('quotes only what needs it', () => {
    expect(csvLine(['a b', "'", 1.5, '1,5'])).toBe('a b,\',1.5,"1,5"\n');
  });
});

import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory, writeTo } from '../../../tests/support/temporary-directory.js';
import { type PretrainRow, PretrainRows } from './pretrain-rows.js';

const directory = temporaryDirectory();
const row: PretrainRow = {
  ...{ method: 'full+compact@n/4', lr: 0.004, seed: 1, steps: 10, tokens: 320, loss: 2.125 },
  ...{ peak: 2 ** 20, savedPeak: 2 ** 19, secondsPerStep: 0.5, sameAs: '' },
};
const diverged = { ...row, lr: 0.5, loss: undefined };

describe('the rows of a study', () => {
  it('are there again when the table is opened once more', async () => {
    const path = join(directory, 'again.csv');
    const table = await PretrainRows.open(path);
    for (const next of [row, diverged, { ...row, method: 'compact', sameAs: row.method }]) await table.add(next);
    const again = await PretrainRows.open(path);
    expect(again.rows).toEqual(table.rows);
    expect(again.of(row.method)).toEqual([row, diverged]);
  });

  it('go on after a line that was cut short', async () => {
    const path = join(directory, 'cut.csv');
    await (await PretrainRows.open(path)).add(row);
    const whole = readFileSync(path, 'utf8');
    appendFileSync(path, 'lean,0.00');
    const table = await PretrainRows.open(path);
    expect(table.rows).toEqual([row]);
    expect(readFileSync(path, 'utf8')).toBe(whole);
  });

  it('are refused where the file is something else', async () => {
    const other = writeTo(directory, 'other.csv', 'task,method\n');
    await expect(PretrainRows.open(other)).rejects.toThrow(/not the table of a pre-training study/);
    const path = join(directory, 'bad.csv');
    await PretrainRows.open(path);
    appendFileSync(path, 'lean,fast,0,1,1,1,1,1,1,\n');
    await expect(PretrainRows.open(path)).rejects.toThrow(/bad.csv, line 2: not a row/);
  });
});

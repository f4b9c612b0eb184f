import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { noSharedData, onSharedData, sharedData } from '../../../tests/support/shared-data.js';
import { temporaryDirectory, writeTo } from '../../../tests/support/temporary-directory.js';
import { InputError } from '../../engine/errors.js';
import { readBenchmark } from './benchmark-files.js';
import { labelsOf, readTaskRows, type TaskData } from './read-task.js';
import { type BenchmarkName, LabelSet, tasks } from './task.js';
import { type ColumnNames, readTextRows } from './text-rows.js';

const root = temporaryDirectory();
const file = (name: string, content: string | Uint8Array) => writeTo(root, name, content);

const columns: ColumnNames = { text: 'text', label: 'label' };
const wanted = [
  { text: 'good, and "cheap"', label: 'pos' },
  { text: 'bad', label: 'neg' },
];
const withoutPlaces = (rows: Awaited<ReturnType<typeof readTextRows>>) => rows.map(({ where: _where, ...row }) => row);

describe('files with named columns', () => {
  it.each([
    ['a.csv', 'label,text,more\r\npos,"good, and ""cheap""",1\r\nneg,bad,2\r\n'],
    ['a.tsv', 'text\tlabel\n"good, and ""cheap"""\tpos\n\nbad\tneg'],
    ['b.tsv', '\uFEFFtext\tlabel\ngood, and "cheap"\tpos\nbad\tneg\n'],
    ['a.jsonl', '{"text":"good, and \\"cheap\\"","label":"pos"}\n\n{"text":"bad","label":"neg","x":[]}\n'],
  ])('%s', async (name, content) => {
    expect(withoutPlaces(await readTextRows(file(name, content), columns))).toEqual(wanted);
    const zipped = file(`${name}.gz`, gzipSync(content));
    expect(withoutPlaces(await readTextRows(zipped, columns))).toEqual(wanted);
  });

  it('numbers and booleans of JSON are labels too', async () => {
    const path = file('n.jsonl', '{"a":"x","b":"y","score":2.5}\n{"a":"x","b":"y","score":true}');
    const rows = await readTextRows(path, { text: 'a', pair: 'b', label: 'score' });
    expect(rows.map(({ label }) => label)).toEqual(['2.5', 'true']);
    expect(rows[1].where).toBe(`${path}:2`);
  });

  it('standard input: lines, or JSONL by its first character', async () => {
    const lines = await readTextRows('-', { text: 'text' }, { content: 'one\ntwo, "quoted\r\n\n' });
    expect(withoutPlaces(lines)).toEqual([{ text: 'one' }, { text: 'two, "quoted' }]);
    const json = await readTextRows('-', { text: 't' }, { content: '{"t":"one"}' });
    expect(withoutPlaces(json)).toEqual([{ text: 'one' }]);
  });

  it.each<[string, string, string, Partial<ColumnNames>, RegExp]>([
    ['a missing column of CSV', 'e.csv', 'texts,label\na,b\n', {}, /e\.csv:1: no column "text"/],
    ['a missing column of JSON', 'e.jsonl', '{"text":"a"}', {}, /e\.jsonl:1: no column "label"/],
    ['a row that is too short', 'f.csv', 'label,text\na,b\nc\n', {}, /f\.csv:3: has no value for "text"/],
    ['an empty text', 'g.tsv', 'text\tlabel\na\tb\n  \tb\n', {}, /g\.tsv:3: the text is empty/],
    ['no rows', 'h.csv', 'text,label\n', {}, /h\.csv: holds no row/],
    ['no JSON', 'i.jsonl', '{"text":"a","label":1}\n[1]', {}, /i\.jsonl:2: not a JSON object/],
    ['columns of plain lines', 'j.txt', 'a\n', {}, /j\.txt: a file of lines has no named columns/],
    ['a quote that does not close', 'k.csv', 'text,label\n"a,b\n', {}, /k\.csv: .*[Qq]uote/],
  ])('%s is refused with the place', async (_, name, content, changed, message) => {
    const reading = readTextRows(file(name, content), { ...columns, ...changed });
    await expect(reading).rejects.toThrow(InputError);
    await expect(reading).rejects.toThrow(message);
  });
});

describe('classes', () => {
  it('come from the rows, numbers by value', () => {
    const rows = ['10', '9', '9', '-1'].map((label) => ({ text: 'x', label, where: 'f:1' }));
    expect(labelsOf('classification', undefined, rows)?.names).toEqual(['-1', '9', '10']);
    expect(LabelSet.of(['b', 'a', 'b']).names).toEqual(['a', 'b']);
  });

  it('one outside the set is refused with its place', () => {
    expect(() => new LabelSet(['a', 'b']).idOf('c', 'f.csv:4')).toThrow(
      'f.csv:4: the label "c" is none of the task\'s: a, b',
    );
    expect(() => LabelSet.of(['a', 'a'])).toThrow(/one class \(a\)/);
  });
});

describe('held-out rows', () => {
  const given = async (): Promise<TaskData> => ({
    task: 'classification',
    data: file('split.csv', `text,label\n${Array.from({ length: 20 }, (_, i) => `t${i},${i % 2}`).join('\n')}`),
    validationFraction: 0.25,
    columns: { text: 'text', label: 'label' },
    seed: 0,
  });

  it('are a fraction by seed, disjoint from the rest', async () => {
    const { train, validation } = await readTaskRows(await given());
    expect([train.length, validation.length]).toEqual([15, 5]);
    expect(new Set([...train, ...validation].map(({ text }) => text)).size).toBe(20);
    const other = await readTaskRows({ ...(await given()), seed: 1 });
    expect(other.validation).not.toEqual(validation);
  });

  it('or come from their own file', async () => {
    const data = await given();
    const { train, validation } = await readTaskRows({ ...data, validation: data.data });
    expect([train.length, validation.length]).toEqual([20, 20]);
  });
});

describe("GLUE's usual release", () => {
  it.each<[BenchmarkName, string, string, readonly { text: string; pair?: string; label: string }[]]>([
    [
      'cola',
      'CoLA/train.tsv',
      'gj04\t1\t\tHe "left".\nbc01\t0\t*\tLeft he.\n',
      [
        { text: 'He "left".', label: 'acceptable' },
        { text: 'Left he.', label: 'unacceptable' },
      ],
    ],
    [
      'mrpc',
      'MRPC/train.tsv',
      'Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n1\t70\t71\t"A" b\tC "d"\n',
      [{ text: '"A" b', pair: 'C "d"', label: 'equivalent' }],
    ],
    [
      'stsb',
      'STS-B/train.tsv',
      'index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\tscore\n0\tg\tf\t2012\t1\tn\tn\tA\tB\t3.8\n',
      [{ text: 'A', pair: 'B', label: '3.8' }],
    ],
    [
      'qqp',
      'QQP/train.tsv',
      'id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n1\t2\t3\tA?\tB?\t1\n4\t5\t6\tcut off\n7\t8\t9\t\tB?\t0\n',
      [{ text: 'A?', pair: 'B?', label: 'duplicate' }],
    ],
    [
      'mnli',
      'MNLI/train.tsv',
      'index\tsentence1\tsentence2\tlabel1\tgold_label\r\n0\tA\tB\tneutral\tcontradiction\r\n',
      [{ text: 'A', pair: 'B', label: 'contradiction' }],
    ],
  ])('%s', async (name, path, content, rows) => {
    file(join('glue', path), content);
    expect(withoutPlaces(await readBenchmark(name, join(root, 'glue'), 'train'))).toEqual(rows);
    const own = join(root, 'glue', path, '..');
    expect(withoutPlaces(await readBenchmark(name, own, 'train'))).toEqual(rows);
  });

  it('reviews of IMDb, a file each', async () => {
    file('reviews/train/pos/0_9.txt', 'Fine.');
    file('reviews/train/neg/0_2.txt', 'Dull.');
    const rows = withoutPlaces(await readBenchmark('imdb', join(root, 'reviews'), 'train'));
    expect(rows).toEqual([
      { text: 'Dull.', label: 'negative' },
      { text: 'Fine.', label: 'positive' },
    ]);
  });

  it('missing files are named', async () => {
    await expect(readBenchmark('rte', root, 'train')).rejects.toThrow(/holds no train files of rte/);
  });
});

describe.skipIf(noSharedData)(onSharedData('the files as they are published'), () => {
  it.each<[BenchmarkName, number, number]>([
    ['cola', 8551, 1043],
    ['sst2', 67349, 872],
    ['mrpc', 3668, 408],
    ['stsb', 5749, 1500],
    ['rte', 2490, 277],
    ['wnli', 635, 71],
  ])('%s has %d rows for training and %d held out', async (name, train, validation) => {
    const glue = sharedData('glue');
    const rows = await readBenchmark(name, glue, 'train');
    const heldOut = await readBenchmark(name, glue, 'validation');
    expect([rows.length, heldOut.length]).toEqual([train, validation]);
    const labels = new Set([...rows, ...heldOut].map(({ label }) => label));
    const { labels: names } = tasks[name];
    if (names) expect([...labels].sort()).toEqual([...names].sort());
    else for (const label of labels) expect(Number(label)).toBeLessThanOrEqual(5);
  });

  it('MRPC has 2,474 equivalent pairs, SST-2 37,569 positive sentences, and quotes are read', async () => {
    const mrpc = await readBenchmark('mrpc', sharedData('glue'), 'train');
    expect(mrpc.filter(({ label }) => label === 'equivalent')).toHaveLength(2474);
    expect(mrpc[0].text.startsWith('Amrozi accused his brother , whom he called " the witness " ,')).toBe(true);
    const sst2 = await readBenchmark('sst2', sharedData('glue'), 'train');
    expect(sst2.filter(({ label }) => label === 'positive')).toHaveLength(37569);
  });
});

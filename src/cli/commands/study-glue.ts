import { join } from 'node:path';
import { InputError } from '../../engine/index.js';
import { replaceFileWith } from '../../models/index.js';
import { readRunSummary, studyCharts } from '../../report/index.js';
import { hasCheckpoint } from '../../train/index.js';
import type { FineTuneValues, StudyGlueValues } from '../command-options.js';
import { fineTune as fineTuneOptions } from '../command-options.js';
import { readOptions } from '../option-table.js';
import { Output } from '../output.js';
import { fileName } from '../study/file-name.js';
import { isFinished, markFinished } from '../study/finished-run.js';
import { pointsLost } from '../study/glue-points.js';
import { readStudyMethod, type StudyMethod } from '../study/study-method.js';
import { type StudyRow, studyCsv, studyMarkdown } from '../study/study-tables.js';
import { makeDirectory } from '../training/run-directory.js';
import { fineTuneModel } from './finetune.js';

/** `compact study glue`: every task with every method and seed from the same encoder; goes on where it was stopped. */
export async function studyGlue(values: StudyGlueValues, output: Output): Promise<number> {
  const methods = values.methods.map(readStudyMethod);
  await makeDirectory(values.out);
  const rows: StudyRow[] = [];
  for (const task of values.tasks) {
    for (const seed of values.seeds) {
      for (const method of methods) {
        const run = runValues(values, task, method, seed);
        if (!(await isFinished(run))) {
          output.note(`${task}, ${method.label}, seed ${seed}`);
          const code = await fineTuneModel(run, new Output({ json: false, quiet: true, silent: true }));
          if (code !== 0) return code;
          await markFinished(run);
        }
        rows.push(await rowOf(run, method));
        await replaceFileWith(join(values.out, 'study.csv'), studyCsv(rows));
        await replaceFileWith(join(values.out, 'study.md'), studyMarkdown(rows, about(values)));
      }
    }
  }
  const charts = await studyCharts(pointsLost(rows), methods[0].label, '100 − average score, points');
  for (const { file, svg } of charts) await replaceFileWith(join(values.out, file), svg);
  output.say(studyMarkdown(rows, []).trim());
  output.say(`tables: ${join(values.out, 'study.csv')}, ${join(values.out, 'study.md')}`);
  output.result({ rows });
  return 0;
}

function runValues(
  values: StudyGlueValues,
  task: StudyGlueValues['tasks'][number],
  { label, values: chosen }: StudyMethod,
  seed: number,
): FineTuneValues {
  const { model, data, epochs, batch, maxLength, maxRows, tokenizer, engine, threads } = values;
  const isAdapter = chosen.method?.some((name) => name.startsWith('lora'));
  const out = join(values.out, 'runs', fileName(`${task}-${label.replace('@', '-r')}-seed${seed}`));
  const defaults = readOptions(fineTuneOptions, { task, model, data, out });
  return {
    ...defaults,
    ...{ json: false, quiet: true, config: undefined, debug: values.debug },
    ...{ engine, threads, seed, tokenizer, epochs, batch, maxLength, maxRows },
    truncate: true,
    resume: true,
    ...chosen,
    lr: isAdapter ? (values.adapterLr ?? values.lr) : values.lr,
  };
}

async function rowOf({ task, out, seed }: FineTuneValues, { label }: StudyMethod): Promise<StudyRow> {
  if (!(await hasCheckpoint(out))) throw new InputError(`${out}: the run left no checkpoint`);
  const { scores, memory, seconds, steps } = await readRunSummary(out);
  if (!scores) throw new InputError(`${out}: the run measured nothing`);
  const { metric, best } = scores;
  return {
    ...{ task, method: label, seed, metric, score: best.value, bestStep: best.step, steps, seconds },
    peak: memory.measured.peak,
    savedPeak: memory.savedPeak,
  };
}

function about({ model, epochs, batch, lr, adapterLr, maxLength, maxRows, seeds }: StudyGlueValues): readonly string[] {
  const rate = lr === undefined ? 'the usual learning rates' : `learning rate ${lr}`;
  const adapters = adapterLr === undefined ? '' : ` (adapters ${adapterLr})`;
  const most = maxRows === undefined ? '' : `, at most ${maxRows} rows to train on`;
  return [
    '# GLUE study',
    '',
    `\`${model}\`, ${epochs} epochs, batch ${batch}, at most ${maxLength} tokens, ${rate}${adapters}${most}; seeds ${seeds.join(', ')}.`,
    'Scores are the best evaluation of each run in points, mean and sample deviation over seeds; bytes are the ledger’s.',
  ];
}

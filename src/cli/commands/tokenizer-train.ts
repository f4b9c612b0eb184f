import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { findCorpusFiles, readPieces, trainTokenizer } from '../../data/index.js';
import { InputError } from '../../engine/index.js';
import type { TokenizerTrainValues } from '../command-options.js';
import type { Output } from '../output.js';
import { Progress } from '../progress.js';
import { makeDirectory } from '../training/run-directory.js';

/** `compact tokenizer train`. */
export async function tokenizerTrain(
  { data, vocabSize, kind, out }: TokenizerTrainValues,
  output: Output,
): Promise<undefined> {
  if (existsSync(join(out, 'tokenizer.json'))) {
    throw new InputError(`${out}: holds a tokenizer already`, 'name another directory with --out');
  }
  const started = performance.now();
  const files = await findCorpusFiles(data);
  using progress = new Progress(output);
  const texts = async function* () {
    const total = files.reduce((sum, { byteLength }) => sum + byteLength, 0);
    let read = 0;
    const onBytes = (bytes: number) => {
      read += bytes;
      progress.show(() => `counting words: ${Math.floor((100 * read) / Math.max(total, 1))} %`);
    };
    for await (const piece of readPieces(files, { onBytes })) yield piece.text;
  };
  const tokenizer = await trainTokenizer(texts(), {
    vocabSize,
    kind,
    onProgress: (done, total) => progress.show(() => `learning merges: ${done}/${total}`),
  });
  await makeDirectory(out);
  await tokenizer.save(out);
  const seconds = (performance.now() - started) / 1000;
  output.say(`${out}: a tokenizer of ${tokenizer.vocabSize} tokens, trained in ${seconds.toFixed(1)} s`);
  output.result({ out, vocabSize: tokenizer.vocabSize, seconds });
  return undefined;
}

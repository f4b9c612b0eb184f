import { z } from 'zod';
import { InputError } from '../engine/errors.js';
import type { CorpusFile } from './corpus-files.js';
import { DocumentSplitter, type TextPiece } from './document-splitter.js';
import { type OnBytes, readText } from './file-text.js';

export interface ReadOptions {
  /** Longest piece in UTF-16 code units; memory is bounded by a few times that. */
  readonly pieceLength?: number;
  readonly onBytes?: OnBytes;
}

/**
 * The documents of a corpus in pieces, in the order of its files. A text file is one document unless `<|endoftext|>`
 * separates several; a line of a `.jsonl` file is one.
 *
 * @throws InputError if a file cannot be read or decompressed, is not UTF-8, or a line of `.jsonl` has no `text`
 */
export async function* readPieces(files: readonly CorpusFile[], options: ReadOptions = {}): AsyncGenerator<TextPiece> {
  for (const file of files) {
    if (file.content === 'tokens') {
      throw new InputError(`${file.path}: holds token ids, text is needed here`, 'give a .txt or .jsonl file');
    }
    const texts = readText(file, options.onBytes);
    if (file.content === 'jsonl') yield* readLines(texts, file, options.pieceLength);
    else yield* splitDocuments(texts, options.pieceLength);
  }
}

/**
 * The documents of a corpus, each as a whole: a document has to fit into memory, the corpus need not.
 *
 * @throws InputError as {@link readPieces}
 */
export async function* readDocuments(files: readonly CorpusFile[], options: ReadOptions = {}): AsyncGenerator<string> {
  let parts: string[] = [];
  for await (const piece of readPieces(files, options)) {
    parts.push(piece.text);
    if (!piece.ends) continue;
    yield parts.join('');
    parts = [];
  }
}

async function* splitDocuments(texts: AsyncIterable<string>, pieceLength?: number): AsyncGenerator<TextPiece> {
  const splitter = new DocumentSplitter(pieceLength);
  for await (const text of texts) yield* splitter.push(text);
  yield* splitter.finish();
}

async function* readLines(
  texts: AsyncIterable<string>,
  file: CorpusFile,
  pieceLength?: number,
): AsyncGenerator<TextPiece> {
  let number = 0;
  for await (const line of lines(texts)) {
    number++;
    if (line.trim() === '') continue;
    const splitter = new DocumentSplitter(pieceLength);
    yield* splitter.push(textOf(line, `${file.path}:${number}`));
    yield* splitter.finish();
  }
}

async function* lines(texts: AsyncIterable<string>): AsyncGenerator<string> {
  let parts: string[] = [];
  for await (const text of texts) {
    const [head, ...rest] = text.split('\n');
    parts.push(head);
    for (const line of rest) {
      yield parts.join('');
      parts = [line];
    }
  }
  yield parts.join('');
}

const lineSchema = z.looseObject({ text: z.string() });

function textOf(line: string, place: string): string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new InputError(`${place}: not a JSON object`, 'each line of a .jsonl file is one JSON object');
  }
  const parsed = lineSchema.safeParse(value);
  if (parsed.success) return parsed.data.text;
  throw new InputError(`${place}: no "text" field with a string in it`, 'each line needs {"text": "..."}');
}

import { existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { InputError } from '../../engine/errors.js';
import { recogniseBpe } from './bpe-recipe.js';
import { BpeTokenizer } from './bpe-tokenizer.js';
import { ByteTokenizer, isByteTokenizer } from './byte-tokenizer.js';
import { readCharTokenizer, trainCharTokenizer } from './char-tokenizer.js';
import { gpt2TokenizerJson } from './gpt2-files.js';
import { LibraryTokenizer } from './library-tokenizer.js';
import { readLlama2cTokenizer } from './llama2c-tokenizer.js';
import { type PieceRules, piecesToTokenizerJson } from './pieces.js';
import { readSentencePiece } from './sentencepiece.js';
import type { Tokenizer } from './tokenizer.js';
import {
  parseTokenizerConfig,
  parseTokenizerJson,
  type TokenizerConfig,
  type TokenizerJson,
} from './tokenizer-json.js';

/** SentencePiece's settings behind llama2.c's files, which do not record them. */
const llama2cRules: PieceRules = { dummyPrefix: true, removeExtraSpaces: false, charsMap: undefined };

/**
 * Loads a tokenizer.
 *
 * @param spec `byte`, `char`, a `tokenizer.json`, a SentencePiece `tokenizer.model`, a llama2.c `tokenizer.bin`, or a
 *   directory that holds one of these or GPT-2's `vocab.json` and `merges.txt`
 * @param charText the text that `char` takes its vocabulary from
 * @throws InputError
 */
export async function loadTokenizer(
  spec: string,
  charText?: Iterable<string> | AsyncIterable<string>,
): Promise<Tokenizer> {
  if (spec === 'byte') return new ByteTokenizer();
  if (spec === 'char') {
    if (charText !== undefined) return await trainCharTokenizer(charText);
    throw new InputError('the tokenizer "char" takes its vocabulary from the training text, and there is none here');
  }
  if (!existsSync(spec)) {
    throw new InputError(
      `${spec}: no such tokenizer`,
      'give "byte", "char", a tokenizer.json, a tokenizer.model, or a directory that holds one',
    );
  }
  return statSync(spec).isDirectory() ? await loadDirectory(spec) : await loadFile(spec);
}

/** Whether a directory holds tokenizer files that {@link loadTokenizer} can read. */
export function hasTokenizer(directory: string): boolean {
  return findIn(directory) !== undefined;
}

/**
 * A tokenizer from the parsed content of a `tokenizer.json`.
 *
 * @param config content of `tokenizer_config.json`, which names BOS and end-of-text
 * @param file how error messages name the source
 * @throws InputError
 */
export function tokenizerFromJson(json: TokenizerJson, config: TokenizerConfig, file: string): Tokenizer {
  if (isByteTokenizer(json)) return new ByteTokenizer();
  const characters = readCharTokenizer(json);
  if (characters !== undefined) return characters;
  const recipe = recogniseBpe(json, file);
  return recipe === undefined ? new LibraryTokenizer(json, config, file) : new BpeTokenizer(json, config, recipe);
}

const pairsOfFiles = [
  ['vocab.json', 'merges.txt'],
  ['encoder.json', 'vocab.bpe'],
] as const;

function findIn(directory: string): readonly [string, string?] | undefined {
  const single = ['tokenizer.json', 'tokenizer.model', 'tokenizer.bin'];
  const candidates: (readonly [string, string?])[] = [...single.map((name): [string] => [name]), ...pairsOfFiles];
  const exists = (name: string | undefined) => name === undefined || existsSync(join(directory, name));
  return candidates.find((names) => exists(names[0]) && exists(names[1]));
}

async function loadDirectory(directory: string): Promise<Tokenizer> {
  const found = findIn(directory);
  if (found === undefined) {
    throw new InputError(
      `${directory}: holds no tokenizer`,
      'name one with --tokenizer: byte, char, or a tokenizer.json or tokenizer.model',
    );
  }
  const [name, mergesName] = found;
  const path = join(directory, name);
  if (mergesName === undefined) return await loadFile(path);
  const merges = await readFile(join(directory, mergesName), 'utf8');
  const json = gpt2TokenizerJson(await readJson(path), merges, path);
  return tokenizerFromJson(json, await readConfig(directory), path);
}

async function loadFile(path: string): Promise<Tokenizer> {
  if (path.endsWith('.json')) {
    const json = parseTokenizerJson(await readJson(path), path);
    return tokenizerFromJson(json, await readConfig(dirname(path)), path);
  }
  const bytes = await readFile(path);
  if (path.endsWith('.model')) {
    const { pieces, rules } = readSentencePiece(bytes, path);
    return tokenizerFromJson(piecesToTokenizerJson(pieces, rules, path), {}, path);
  }
  if (path.endsWith('.bin')) {
    const pieces = readLlama2cTokenizer(bytes, path);
    return tokenizerFromJson(piecesToTokenizerJson(pieces, llama2cRules, path), {}, path);
  }
  throw new InputError(
    `${path}: not a known kind of tokenizer: ${basename(path)}`,
    'known are tokenizer.json, tokenizer.model (SentencePiece) and tokenizer.bin (llama2.c)',
  );
}

async function readConfig(directory: string): Promise<TokenizerConfig> {
  const path = join(directory, 'tokenizer_config.json');
  return existsSync(path) ? parseTokenizerConfig(await readJson(path), path) : {};
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError) throw new InputError(`${path}: not valid JSON: ${error.message}`);
    throw error;
  }
}

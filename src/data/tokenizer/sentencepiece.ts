import { BinaryReader, type WireType } from '@bufbuild/protobuf/wire';
import { InputError } from '../../engine/errors.js';
import type { Piece, PieceRules } from './pieces.js';

const pieceTypes = {
  1: 'normal',
  2: 'unknown',
  3: 'control',
  4: 'user-defined',
  5: 'unused',
  6: 'byte',
} as const satisfies Record<number, Piece['type']>;

const modelTypes: Record<number, string> = { 1: 'unigram', 2: 'bpe', 3: 'word', 4: 'char' };

/**
 * Reads a SentencePiece `tokenizer.model`.
 *
 * @see https://github.com/google/sentencepiece/blob/master/src/sentencepiece_model.proto
 * @throws InputError if the file is damaged or not a byte-pair model
 */
export function readSentencePiece(bytes: Uint8Array, file: string): { pieces: Piece[]; rules: PieceRules } {
  const pieces: Piece[] = [];
  let modelType = 1;
  let rules: PieceRules = { dummyPrefix: true, removeExtraSpaces: true, charsMap: undefined };
  try {
    // ModelProto: 1 pieces, 2 trainer_spec, 3 normalizer_spec.
    readFields(bytes, (field, reader) => {
      if (field === 1) pieces.push(readPiece(reader.bytes()));
      else if (field === 2) modelType = readModelType(reader.bytes());
      else if (field === 3) rules = readRules(reader.bytes(), rules);
      else return false;
      return true;
    });
  } catch (error) {
    const hint = 'the file is damaged or not a SentencePiece model';
    throw new InputError(`${file}: cannot be read: ${error instanceof Error ? error.message : error}`, hint);
  }
  if (modelType !== 2 || pieces.length === 0) {
    throw new InputError(
      `${file}: a SentencePiece model of type ${modelTypes[modelType] ?? modelType} with ${pieces.length} pieces; only bpe is read`,
      'convert it to tokenizer.json with Hugging Face transformers',
    );
  }
  return { pieces, rules };
}

/** Calls `take` for each field; it reads the value and returns true, or leaves it and returns false. */
function readFields(bytes: Uint8Array, take: (field: number, reader: BinaryReader) => boolean): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (!take(field, reader)) reader.skip(wireType satisfies WireType, field);
  }
}

function readPiece(bytes: Uint8Array): Piece {
  let text = '';
  let score = 0;
  let type: Piece['type'] = 'normal';
  readFields(bytes, (field, reader) => {
    if (field === 1) text = reader.string();
    else if (field === 2) score = reader.float();
    else if (field === 3) type = pieceType(reader.int32());
    else return false;
    return true;
  });
  return { text, score, type };
}

function pieceType(code: number): Piece['type'] {
  const known: Record<number, Piece['type']> = pieceTypes;
  return known[code] ?? 'normal';
}

function readModelType(bytes: Uint8Array): number {
  let type = 1;
  readFields(bytes, (field, reader) => {
    if (field !== 3) return false;
    type = reader.int32();
    return true;
  });
  return type;
}

function readRules(bytes: Uint8Array, defaults: PieceRules): PieceRules {
  let rules = defaults;
  // NormalizerSpec: 2 precompiled_charsmap, 3 add_dummy_prefix, 4 remove_extra_whitespaces.
  readFields(bytes, (field, reader) => {
    if (field === 2) {
      const map = reader.bytes();
      rules = { ...rules, charsMap: map.length === 0 ? undefined : Buffer.from(map).toString('base64') };
    } else if (field === 3) rules = { ...rules, dummyPrefix: reader.bool() };
    else if (field === 4) rules = { ...rules, removeExtraSpaces: reader.bool() };
    else return false;
    return true;
  });
  return rules;
}

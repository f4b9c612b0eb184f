import { InputError } from '../../engine/errors.js';
import { bpeModel, specialToken, type TokenizerJson, tokenizerJson } from './tokenizer-json.js';

/** One entry of a SentencePiece vocabulary; its id is its place. */
export interface Piece {
  readonly text: string;
  /** Log-probability or, with byte pairs, minus the rank. */
  readonly score: number;
  readonly type: 'normal' | 'unknown' | 'control' | 'user-defined' | 'unused' | 'byte';
}

/** How SentencePiece treats a text before it looks for pieces. */
export interface PieceRules {
  readonly dummyPrefix: boolean;
  readonly removeExtraSpaces: boolean;
  /** Compiled normalisation table, base64; undefined for identity. */
  readonly charsMap: string | undefined;
}

/**
 * A byte-pair vocabulary of SentencePiece as a tokenizer.json, with the merges derived as Hugging Face's converter does:
 * each way to split a piece into two pieces is a merge, ranked by the score of the whole.
 *
 * @throws InputError if the vocabulary lacks the tokens for single bytes, or names a piece twice
 */
export function piecesToTokenizerJson(pieces: readonly Piece[], rules: PieceRules, file: string): TokenizerJson {
  const vocab = new Map(pieces.map((piece, id) => [piece.text, id]));
  if (vocab.size !== pieces.length) throw new InputError(`${file}: the vocabulary names a piece twice`);
  if (pieces.filter((piece) => piece.type === 'byte').length !== 256) {
    throw new InputError(`${file}: the vocabulary has no tokens for single bytes`, 'train it with --byte_fallback');
  }
  const unknown = pieces.find((piece) => piece.type === 'unknown');
  return tokenizerJson({
    addedTokens: pieces.flatMap((piece, id) => {
      if (piece.type === 'user-defined') return [{ ...specialToken(id, piece.text), special: false }];
      return piece.type === 'control' || piece.type === 'unknown' ? [specialToken(id, piece.text)] : [];
    }),
    normalizer: normalizer(rules),
    decoder: decoder(rules),
    model: bpeModel(Object.fromEntries(vocab), deriveMerges(pieces, vocab), {
      byteFallback: true,
      ...(unknown === undefined ? {} : { unkToken: unknown.text }),
    }),
  });
}

function normalizer(rules: PieceRules): unknown {
  const steps: unknown[] = [];
  if (rules.charsMap !== undefined) steps.push({ type: 'Precompiled', precompiled_charsmap: rules.charsMap });
  if (rules.removeExtraSpaces) {
    steps.push({ type: 'Strip', strip_left: true, strip_right: true });
    steps.push({ type: 'Replace', pattern: { Regex: ' {2,}' }, content: ' ' });
  }
  if (rules.dummyPrefix) steps.push({ type: 'Prepend', prepend: '▁' });
  steps.push({ type: 'Replace', pattern: { String: ' ' }, content: '▁' });
  return { type: 'Sequence', normalizers: steps };
}

function decoder(rules: PieceRules): unknown {
  const steps: unknown[] = [
    { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
    { type: 'ByteFallback' },
    { type: 'Fuse' },
  ];
  if (rules.dummyPrefix) steps.push({ type: 'Strip', content: ' ', start: 1, stop: 0 });
  return { type: 'Sequence', decoders: steps };
}

function deriveMerges(pieces: readonly Piece[], vocab: ReadonlyMap<string, number>): [string, string][] {
  const merges: { left: string; right: string; ids: [number, number]; score: number; lengths: [number, number] }[] = [];
  for (const piece of pieces) {
    if (piece.type === 'byte' || piece.type === 'control' || piece.type === 'unknown') continue;
    const characters = [...piece.text];
    const local: typeof merges = [];
    for (let cut = 1; cut < characters.length; cut++) {
      const left = characters.slice(0, cut).join('');
      const right = characters.slice(cut).join('');
      const leftId = vocab.get(left);
      const rightId = vocab.get(right);
      if (leftId === undefined || rightId === undefined) continue;
      const lengths: [number, number] = [cut, characters.length - cut];
      local.push({ left, right, ids: [leftId, rightId], score: piece.score, lengths });
    }
    merges.push(...local.sort((a, b) => a.ids[0] - b.ids[0] || a.ids[1] - b.ids[1]));
  }
  // Best score first; among equals the converter takes longer parts first. `sort` is stable, as Python's is.
  merges.sort((a, b) => b.score - a.score || b.lengths[0] - a.lengths[0] || b.lengths[1] - a.lengths[1]);
  return merges.map(({ left, right }) => [left, right]);
}

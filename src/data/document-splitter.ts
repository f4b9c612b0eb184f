/** Separates documents in a text file; it is never encoded as text. */
export const documentSeparator = '<|endoftext|>';

/** A part of a document; most documents are one piece. */
export interface TextPiece {
  readonly text: string;
  /** The document's first piece. */
  readonly starts: boolean;
  /** The document's last piece. Its text may be empty. */
  readonly ends: boolean;
}

/** Longest piece, in UTF-16 code units, when none is asked for. */
export const defaultPieceLength = 2 ** 20;

/**
 * Cuts a stream of text into documents, and long documents into pieces, so that memory stays bounded whatever the size of
 * a document. Blank space around a document is dropped, empty documents are too.
 *
 * A document is cut before a run of blank space, where no tokenizer of the usual kinds joins anything, so that the ids do
 * not depend on the cut. Only a stretch of that length without any blank space is cut elsewhere.
 */
export class DocumentSplitter {
  private pending = '';
  private inDocument = false;

  constructor(private readonly pieceLength = defaultPieceLength) {}

  *push(text: string): Generator<TextPiece> {
    // What was pending holds no whole separator; only its end may be the beginning of one.
    const unseen = Math.max(0, this.pending.length - documentSeparator.length + 1);
    this.pending += text;
    let from = 0;
    for (;;) {
      const at = this.pending.indexOf(documentSeparator, Math.max(from, unseen));
      if (at < 0) break;
      yield* this.finishDocument(this.pending.slice(from, at));
      from = at + documentSeparator.length;
    }
    this.pending = this.pending.slice(from);
    while (this.pending.length > this.pieceLength + documentSeparator.length) yield* this.cutPiece();
  }

  /** The stream is at its end, and so is its last document. */
  *finish(): Generator<TextPiece> {
    const text = this.pending;
    this.pending = '';
    yield* this.finishDocument(text);
  }

  private *finishDocument(rest: string): Generator<TextPiece> {
    let left = rest.trimEnd();
    while (left.length > this.pieceLength) {
      const cut = cutPosition(left, this.pieceLength);
      yield* this.emit(left.slice(0, cut), false);
      left = left.slice(cut);
    }
    yield* this.emit(left, true);
    this.inDocument = false;
  }

  private *cutPiece(): Generator<TextPiece> {
    // What lies beyond the piece's length may be the beginning of a separator, and stays here.
    const cut = cutPosition(this.pending, this.pieceLength);
    const text = this.pending.slice(0, cut);
    this.pending = this.pending.slice(cut);
    yield* this.emit(text, false);
  }

  private *emit(text: string, ends: boolean): Generator<TextPiece> {
    const starts = !this.inDocument;
    const trimmed = starts ? text.trimStart() : text;
    if (trimmed === '' && (starts || !ends)) return;
    this.inDocument = true;
    yield { text: trimmed, starts, ends };
  }
}

/** Last place up to `limit` where blank space begins; `limit` itself, if there is none in the second half. */
function cutPosition(text: string, limit: number): number {
  const isBlank = (at: number) => /\p{White_Space}/u.test(text[at]);
  for (let at = limit; at > limit / 2; at--) if (isBlank(at) && !isBlank(at - 1)) return at;
  const splitsPair = (text.charCodeAt(limit) & 0xfc00) === 0xdc00;
  return splitsPair ? limit - 1 : limit;
}

import { Heap } from './tokenizer/heap.js';

/** A pair of neighbouring tokens and how often it occurs. */
interface Candidate {
  readonly left: number;
  readonly right: number;
  readonly count: number;
}

/**
 * Byte-pair learning (Sennrich et al. 2016) on bytes: joins the most frequent pair of neighbours, again and again. Of
 * several equally frequent pairs the one whose bytes are lexicographically greatest is joined, left part first, so that the
 * result does not depend on the order of the texts.
 */
export class MergeLearner {
  /** Bytes of each token, one character per byte. */
  readonly tokens: string[] = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte));
  private readonly ids = new Map<string, number>(this.tokens.map((token, id) => [token, id]));
  private readonly words: number[][] = [];
  private readonly wordCounts: number[] = [];
  private readonly pairCounts = new Map<number, number>();
  /** Words that hold a pair, or held it once. */
  private readonly pairWords = new Map<number, Set<number>>();
  private readonly queue = new Heap<Candidate>((a, b) => this.before(a, b));

  /** @param words text and number of occurrences */
  constructor(words: Iterable<readonly [string, number]>) {
    const encoder = new TextEncoder();
    for (const [text, count] of words) {
      const word = Array.from(encoder.encode(text));
      if (word.length < 2) continue;
      const index = this.words.push(word) - 1;
      this.wordCounts.push(count);
      this.countPairs(index, count);
    }
    for (const key of this.pairCounts.keys()) this.offer(key);
  }

  /** Joins the best pair and returns its parts, or undefined if no word has two tokens any more. */
  next(): readonly [left: string, right: string] | undefined {
    for (let best = this.queue.pop(); best !== undefined; best = this.queue.pop()) {
      const key = pairKey(best.left, best.right);
      // Each change of a count put a new entry into the queue; only the latest is true.
      if (this.pairCounts.get(key) !== best.count) continue;
      this.join(best.left, best.right);
      return [this.tokens[best.left], this.tokens[best.right]];
    }
    return undefined;
  }

  private join(left: number, right: number): void {
    const bytes = this.tokens[left] + this.tokens[right];
    const known = this.ids.get(bytes);
    // Two pairs may give the same bytes; the vocabulary has them once.
    const merged = known ?? this.tokens.push(bytes) - 1;
    this.ids.set(bytes, merged);
    const key = pairKey(left, right);
    const changed = new Set<number>();
    for (const index of this.pairWords.get(key) ?? []) {
      const count = this.wordCounts[index];
      for (const pair of this.countPairs(index, -count)) changed.add(pair);
      this.words[index] = replacePair(this.words[index], left, right, merged);
      for (const pair of this.countPairs(index, count)) changed.add(pair);
    }
    this.pairWords.delete(key);
    this.pairCounts.delete(key);
    changed.delete(key);
    for (const pair of changed) this.offer(pair);
  }

  /** Adds a word's pairs to the counts, or takes them away; returns them. */
  private countPairs(index: number, count: number): number[] {
    const word = this.words[index];
    const pairs: number[] = [];
    for (let at = 0; at + 1 < word.length; at++) {
      const key = pairKey(word[at], word[at + 1]);
      pairs.push(key);
      this.pairCounts.set(key, (this.pairCounts.get(key) ?? 0) + count);
      if (count < 0) continue;
      const holders = this.pairWords.get(key);
      if (holders === undefined) this.pairWords.set(key, new Set([index]));
      else holders.add(index);
    }
    return pairs;
  }

  private offer(key: number): void {
    const count = this.pairCounts.get(key) ?? 0;
    if (count > 0) this.queue.push({ left: Math.floor(key / 2 ** 26), right: key % 2 ** 26, count });
  }

  private before(a: Candidate, b: Candidate): boolean {
    if (a.count !== b.count) return a.count > b.count;
    const { tokens } = this;
    if (a.left !== b.left && tokens[a.left] !== tokens[b.left]) return tokens[a.left] > tokens[b.left];
    return tokens[a.right] > tokens[b.right];
  }
}

const pairKey = (left: number, right: number): number => left * 2 ** 26 + right;

function replacePair(word: readonly number[], left: number, right: number, merged: number): number[] {
  const result: number[] = [];
  for (let at = 0; at < word.length; at++) {
    const isPair = word[at] === left && at + 1 < word.length && word[at + 1] === right;
    result.push(isPair ? merged : word[at]);
    if (isPair) at++;
  }
  return result;
}

import {
  type AttentionArgs,
  type AttentionBackwardArgs,
  type AttentionShape,
  attentionExtents,
} from '../contract/attention.js';
import { dropoutThreshold } from '../contract/dropout.js';
import type { Tensor } from '../tensor.js';
import { threefry } from '../threefry.js';
import type { ReferenceMemory } from './memory.js';

/**
 * One score row: a query of one head of one sequence. Query and output start at `query`, the keys and values of its
 * key/value head at `firstKey + i·keyStride` for i < `keys`.
 */
interface ScoreRow {
  readonly query: number;
  readonly firstKey: number;
  readonly keyStride: number;
  /** Place of the first of them in its sequence. */
  readonly firstPlace: number;
  /** Keys that the query may see. */
  readonly keys: number;
  readonly width: number;
  /** Index into logSumExp. */
  readonly index: number;
}

/** All score rows of an attention, sequence by sequence. */
function* scoreRows(
  memory: ReferenceMemory,
  op: string,
  args: AttentionShape & { query: Tensor; key: Tensor; value: Tensor },
): Generator<ScoreRow> {
  const { batch, heads, keyValueHeads, causal } = args;
  const { queryLength, keyLength, headWidth: width } = attentionExtents(op, args);
  const keyStride = keyValueHeads * width;
  const ranges = args.keyRanges && memory.integers(args.keyRanges);
  for (let sequence = 0; sequence < batch; sequence++) {
    for (let i = 0; i < queryLength; i++) {
      const row = sequence * queryLength + i;
      const seen = causal ? i + keyLength - queryLength + 1 : keyLength;
      const [first, end] = ranges ? [ranges[2 * row], Math.min(seen, ranges[2 * row + 1])] : [0, seen];
      for (let head = 0; head < heads; head++) {
        const keyValueHead = Math.floor(head / (heads / keyValueHeads));
        yield {
          query: (row * heads + head) * width,
          firstKey: (sequence * keyLength + first) * keyStride + keyValueHead * width,
          keyStride,
          firstPlace: first,
          keys: end - first,
          width,
          index: row * heads + head,
        };
      }
    }
  }
}

/** Factor on the probability of the i-th key of a row: 1/(1 − p), or 0 where it is dropped. */
function keepFactor({ dropout }: AttentionShape, { index, firstPlace }: ScoreRow, i: number): number {
  if (!dropout) return 1;
  const { probability, key } = dropout;
  const place = firstPlace + i;
  const kept = threefry(key, index, Math.floor(place / 2))[place % 2] >= dropoutThreshold(probability);
  return kept ? 1 / (1 - probability) : 0;
}

/** o = Σ_i m_i·p_i·v_i with the factors m of dropout, p = softmax(scale·q·kᵀ), and lse = log Σ_i exp(scale·q·k_i), row by row, with all scores held. */
export function attention(memory: ReferenceMemory, args: AttentionArgs): void {
  const query = memory.floats(args.query);
  const key = memory.floats(args.key);
  const value = memory.floats(args.value);
  const out = memory.floats(args.out);
  const logSumExp = memory.floats(args.logSumExp);
  const { keyLength } = attentionExtents('attention', args);
  const scores = new Float64Array(keyLength);

  for (const row of scoreRows(memory, 'attention', args)) {
    let largest = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < row.keys; i++) {
      scores[i] = args.scale * dot(query, row.query, key, row.firstKey + i * row.keyStride, row.width);
      largest = Math.max(largest, scores[i]);
    }
    let sum = 0;
    for (let i = 0; i < row.keys; i++) sum += Math.exp(scores[i] - largest);
    const lse = largest + Math.log(sum);
    logSumExp[row.index] = lse;
    out.fill(0, row.query, row.query + row.width);
    for (let i = 0; i < row.keys; i++) {
      const probability = keepFactor(args, row, i) * Math.exp(scores[i] - lse);
      addScaled(out, row.query, probability, value, row.firstKey + i * row.keyStride, row.width);
    }
  }
}

/** p = exp(scale·q·kᵀ − lse), dv += m·p·do, ds = p·(m·do·v − do·o), dq += scale·ds·k, dk += scale·ds·q. */
export function attentionBackward(memory: ReferenceMemory, args: AttentionBackwardArgs): void {
  const query = memory.floats(args.query);
  const key = memory.floats(args.key);
  const value = memory.floats(args.value);
  const out = memory.floats(args.out);
  const logSumExp = memory.floats(args.logSumExp);
  const dOut = memory.floats(args.dOut);
  const dQuery = memory.floats(args.dQuery).fill(0);
  const dKey = memory.floats(args.dKey).fill(0);
  const dValue = memory.floats(args.dValue).fill(0);

  for (const row of scoreRows(memory, 'attentionBackward', args)) {
    const { query: q, width } = row;
    const delta = dot(dOut, q, out, q, width);
    for (let i = 0; i < row.keys; i++) {
      const k = row.firstKey + i * row.keyStride;
      const probability = Math.exp(args.scale * dot(query, q, key, k, width) - logSumExp[row.index]);
      const factor = keepFactor(args, row, i);
      addScaled(dValue, k, factor * probability, dOut, q, width);
      const dScore = args.scale * probability * (factor * dot(dOut, q, value, k, width) - delta);
      addScaled(dQuery, q, dScore, key, k, width);
      addScaled(dKey, k, dScore, query, q, width);
    }
  }
}

/** Σ_j a[aStart + j]·b[bStart + j]. */
function dot(a: Float64Array, aStart: number, b: Float64Array, bStart: number, length: number): number {
  let sum = 0;
  for (let j = 0; j < length; j++) sum += a[aStart + j] * b[bStart + j];
  return sum;
}

/** out[outStart + j] += factor·x[xStart + j]. */
function addScaled(
  out: Float64Array,
  outStart: number,
  factor: number,
  x: Float64Array,
  xStart: number,
  length: number,
): void {
  for (let j = 0; j < length; j++) out[outStart + j] += factor * x[xStart + j];
}

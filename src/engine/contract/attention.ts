import type { Tensor } from '../tensor.js';
import { dropoutThreshold } from './dropout.js';
import { gemmBlock } from './gemm.js';
import type { RandomKey } from './random.js';
import { expectShape, expectTensor, matrix, type OpSpec, require } from './spec.js';

/**
 * Dropout of attention's probabilities, as BERT and its heirs have it: o = (softmax(...)∘mask/(1 − p))·v. The mask is a function
 * of the key: query i's probability of key j is kept where a random word is at least p·2^32, word j mod 2 of Threefry at the
 * counter (i's index into logSumExp, ⌊j/2⌋). So backward makes it again tile by tile, and nothing of size T×T is ever held.
 */
export interface AttentionDropout {
  /** p, in [0, 1). */
  readonly probability: number;
  readonly key: RandomKey;
}

/** What forward and backward of attention share. Query head i reads key/value head floor(i / (heads / keyValueHeads)). */
export interface AttentionShape {
  /** Sequences B; the rows of query and key are B·Tq and B·Tk, sequence by sequence. */
  readonly batch: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  /** Query i of a sequence sees keys 0 … i + Tk − Tq. */
  readonly causal: boolean;
  /** Factor on the scores, usually 1/√d. */
  readonly scale: number;
  /**
   * [B·Tq, 2], i32: the first key of its sequence that a query sees, and the one after the last: padding, documents packed into
   * one row. Within what `causal` allows; at least one key must be left, which callers see to.
   */
  readonly keyRanges?: Tensor;
  readonly dropout?: AttentionDropout | undefined;
}

/**
 * Attention by online softmax: o = softmax(scale·q·kᵀ)·v without ever holding the T×T scores, and the log-sum-exp of every
 * score row, from which backward rebuilds the probabilities.
 *
 * Sums are f32. Where the tensors are bf16, `avx512bf16` multiplies by the processor's products of pairs, here and in backward:
 * probabilities and the gradients of scores are rounded to bf16 before they are multiplied, as flash attention does, and the bits
 * are that instruction set's own (see `GemmArgs`).
 */
export interface AttentionArgs extends AttentionShape {
  /** [B·Tq, heads·d]. */
  readonly query: Tensor;
  /** [B·Tk, keyValueHeads·d]. */
  readonly key: Tensor;
  /** [B·Tk, keyValueHeads·d]. */
  readonly value: Tensor;
  /** [B·Tq, heads·d]. */
  readonly out: Tensor;
  /** [B·Tq, heads], f32. */
  readonly logSumExp: Tensor;
}

export interface AttentionExtents {
  readonly queryLength: number;
  readonly keyLength: number;
  readonly headWidth: number;
}

/** Sequence lengths and head width; throws when the tensors do not fit each other. */
export function attentionExtents(
  op: string,
  args: AttentionShape & { query: Tensor; key: Tensor; value: Tensor },
): AttentionExtents {
  const { batch, heads, keyValueHeads } = args;
  const [queryRows, queryWidth] = matrix(`${op} query`, args.query);
  const [keyRows, keyWidth] = matrix(`${op} key`, args.key);
  require(heads > 0 &&
    keyValueHeads > 0 &&
    heads % keyValueHeads === 0, `${op}: ${heads} heads cannot share ${keyValueHeads} key/value heads`);
  require(batch > 0 &&
    queryRows % batch === 0 &&
    keyRows % batch === 0, `${op}: rows are not ${batch} whole sequences`);
  const headWidth = queryWidth / heads;
  require(Number.isInteger(headWidth), `${op}: width ${queryWidth} is not a multiple of ${heads} heads`);
  require(keyWidth ===
    keyValueHeads * headWidth, `${op}: key width ${keyWidth}, expected ${keyValueHeads * headWidth}`);
  expectShape(`${op} value`, args.value, [keyRows, keyWidth]);
  if (args.keyRanges) expectTensor(`${op} keyRanges`, args.keyRanges, [queryRows, 2], 'i32');
  const { probability = 0 } = args.dropout ?? {};
  require(probability >= 0 &&
    dropoutThreshold(probability) < 2 ** 32, `${op}: probability ${probability} is not in [0, 1)`);
  const queryLength = queryRows / batch;
  const keyLength = keyRows / batch;
  require(!args.causal || keyLength >= queryLength, `${op}: ${queryLength} causal queries over ${keyLength} keys`);
  return { queryLength, keyLength, headWidth };
}

/** Pairs of query and key, per sequence and head; pairs that `keyRanges` hides count, since their number is in the data. */
export function attendedPairs(queryLength: number, keyLength: number, causal: boolean): number {
  return causal
    ? queryLength * (keyLength - queryLength) + (queryLength * (queryLength + 1)) / 2
    : queryLength * keyLength;
}

/** Query rows and key rows of one tile of scores; blocks that the causal mask hides entirely are skipped. */
export const attentionBlock = { queries: 64, keys: 64 } as const;

/** Bytes of scratch per thread: nine packed operands of a tile, four tiles of scores, two vectors of row statistics and two of key ranges. */
function attentionThreadBytes(headWidth: number): number {
  const { queries, keys } = attentionBlock;
  const { columnUnit, slack } = gemmBlock;
  const operand = queries * Math.ceil(headWidth / columnUnit) * columnUnit + slack;
  return 4 * (9 * operand + 4 * (queries * keys + slack) + 4 * queries);
}

export const attention: OpSpec<AttentionArgs> = {
  access: { query: 'read', key: 'read', value: 'read', out: 'write', logSumExp: 'write', keyRanges: 'read' },
  storage: [['query', 'key', 'value', 'out']],
  check(args) {
    attentionExtents('attention', args);
    expectShape('attention out', args.out, args.query.shape);
    expectTensor('attention logSumExp', args.logSumExp, [args.query.shape[0] ?? 0, args.heads]);
  },
  flops(args) {
    const { queryLength, keyLength, headWidth } = attentionExtents('attention', args);
    return 4 * headWidth * args.batch * args.heads * attendedPairs(queryLength, keyLength, args.causal);
  },
  scratch: (args, threads) => threads * attentionThreadBytes(attentionExtents('attention', args).headWidth),
};

/**
 * Backward of attention. Per block: Pr = exp(scale·q·kᵀ − lse), dv += (Pr∘M)ᵀ·do, dS = Pr∘((do·vᵀ)∘M − rowsum(do∘o)),
 * dq += scale·dS·k, dk += scale·dSᵀ·q, where M = mask/(1 − p), or 1 without dropout. Overwrites its three outputs.
 */
export interface AttentionBackwardArgs extends AttentionShape {
  readonly query: Tensor;
  readonly key: Tensor;
  readonly value: Tensor;
  /** o of the forward pass, [B·Tq, heads·d]. */
  readonly out: Tensor;
  /** [B·Tq, heads]. */
  readonly logSumExp: Tensor;
  /** [B·Tq, heads·d]. */
  readonly dOut: Tensor;
  readonly dQuery: Tensor;
  readonly dKey: Tensor;
  readonly dValue: Tensor;
}

export const attentionBackward: OpSpec<AttentionBackwardArgs> = {
  access: {
    query: 'read',
    key: 'read',
    value: 'read',
    out: 'read',
    logSumExp: 'read',
    dOut: 'read',
    dQuery: 'write',
    dKey: 'write',
    dValue: 'write',
    keyRanges: 'read',
  },
  storage: [['query', 'key', 'value', 'out', 'dOut', 'dQuery', 'dKey', 'dValue']],
  check(args) {
    attentionExtents('attentionBackward', args);
    const rows = args.query.shape[0] ?? 0;
    expectShape('attentionBackward out', args.out, args.query.shape);
    expectTensor('attentionBackward logSumExp', args.logSumExp, [rows, args.heads]);
    expectShape('attentionBackward dOut', args.dOut, args.query.shape);
    expectShape('attentionBackward dQuery', args.dQuery, args.query.shape);
    expectShape('attentionBackward dKey', args.dKey, args.key.shape);
    expectShape('attentionBackward dValue', args.dValue, args.value.shape);
  },
  flops(args) {
    const { queryLength, keyLength, headWidth } = attentionExtents('attentionBackward', args);
    return 10 * headWidth * args.batch * args.heads * attendedPairs(queryLength, keyLength, args.causal);
  },
  /** Beside what each thread needs: Σ do∘o of each score row, a counter per block of dq, and dq in f32 where it is bf16. */
  scratch(args, threads) {
    const { queryLength, headWidth } = attentionExtents('attentionBackward', args);
    const rows = args.query.shape[0] ?? 0;
    const roundUp = (count: number) => Math.ceil(count / 16) * 16;
    const turns = args.batch * args.heads * Math.ceil(queryLength / attentionBlock.queries);
    const sums = args.query.dtype === 'bf16' ? rows * args.heads * headWidth : 0;
    return 4 * (roundUp(rows * args.heads) + roundUp(turns) + sums) + threads * attentionThreadBytes(headWidth);
  },
};

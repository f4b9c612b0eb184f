import { createReferenceEngine } from '../../../src/engine/reference/reference-engine.js';
import { epsilon32, type OpCase, type OpCases, type Operands, type OwnBits, type Scalars } from '../op-case.js';
import { given, normal, type Operand, output, valuesOf } from '../operands.js';

interface Situation {
  readonly batch?: number;
  readonly heads?: number;
  readonly keyValueHeads?: number;
  readonly queries: number;
  readonly keys?: number;
  readonly width: number;
  readonly causal?: boolean;
  /** Deviation of the queries; large ones make nearly one-hot probabilities. */
  readonly sharpness?: number;
  /** Which keys a query sees: those of the first tokens of a row, or those of its own document. */
  readonly ranges?: 'padding' | 'documents';
  /** Share of the probabilities that are dropped. */
  readonly dropped?: number;
}

const situations: readonly Situation[] = [
  { queries: 1, width: 8 },
  { queries: 7, width: 6 },
  { queries: 33, width: 16, batch: 2, heads: 4 },
  { queries: 64, width: 64, heads: 2 },
  { queries: 65, width: 32, heads: 2, batch: 2 },
  { queries: 150, width: 48 },
  { queries: 130, width: 128, causal: false },
  { queries: 20, width: 5, heads: 3, causal: false },
  { queries: 31, width: 16, heads: 6, keyValueHeads: 2 },
  { queries: 70, width: 20, heads: 4, keyValueHeads: 1, batch: 2 },
  { queries: 70, width: 24, heads: 4, keyValueHeads: 2, causal: false },
  { queries: 1, keys: 77, width: 16, heads: 4, keyValueHeads: 2, batch: 3 },
  { queries: 9, keys: 100, width: 12, heads: 2 },
  { queries: 66, keys: 129, width: 8, heads: 2 },
  { queries: 10, keys: 70, width: 16, causal: false },
  { queries: 80, keys: 30, width: 10, causal: false },
  { queries: 300, width: 64, heads: 3 },
  { queries: 40, width: 16, heads: 2, sharpness: 30 },
  { queries: 20, width: 16, heads: 2, batch: 3, causal: false, ranges: 'padding' },
  { queries: 150, width: 32, heads: 2, batch: 2, causal: false, ranges: 'padding' },
  { queries: 150, width: 24, heads: 4, keyValueHeads: 2, batch: 2, causal: false, ranges: 'documents' },
  { queries: 200, width: 16, heads: 2, batch: 2, ranges: 'documents' },
  { queries: 70, width: 20, heads: 2, batch: 2, ranges: 'padding' },
  { queries: 70, keys: 200, width: 8, batch: 2, causal: false, ranges: 'documents' },
  { queries: 150, width: 24, heads: 4, keyValueHeads: 2, batch: 2, causal: false, ranges: 'documents', dropped: 0.1 },
  { queries: 33, width: 16, heads: 3, batch: 2, causal: false, dropped: 0.5 },
  { queries: 9, keys: 131, width: 12, heads: 2, dropped: 0.25 },
  { queries: 130, width: 32, heads: 2, dropped: 0.1 },
  { queries: 20, width: 8, heads: 2, dropped: 0.99 },
  { queries: 20, width: 8, heads: 2, dropped: 0 },
];

function describeSituation({
  batch = 1,
  heads = 1,
  keyValueHeads = heads,
  queries,
  keys,
  width,
  causal = true,
  sharpness,
  ranges,
  dropped,
}: Situation) {
  const lengths = keys === undefined ? `${queries} tokens` : `${queries} queries on ${keys} keys`;
  const groups = keyValueHeads === heads ? `${heads} heads` : `${heads} heads on ${keyValueHeads}`;
  return `${batch} x ${lengths}, ${groups} of ${width}, ${causal ? 'causal' : 'not causal'}${sharpness ? ', sharp' : ''}${ranges ? `, ${ranges}` : ''}${dropped === undefined ? '' : `, ${dropped} dropped`}`;
}

function shapes({ batch = 1, heads = 1, keyValueHeads = heads, queries, keys = queries, width }: Situation) {
  return {
    query: [batch * queries, heads * width],
    key: [batch * keys, keyValueHeads * width],
    logSumExp: [batch * queries, heads],
  } as const;
}

function scalars({
  batch = 1,
  heads = 1,
  keyValueHeads = heads,
  width,
  causal = true,
  dropped,
}: Situation): Scalars<'attention'> {
  const dropout = dropped === undefined ? undefined : { probability: dropped, key: [0x12345678, 0x9abcdef0] as const };
  return { batch, heads, keyValueHeads, causal, scale: 1 / Math.sqrt(width), ...(dropout && { dropout }) };
}

function inputs(situation: Situation) {
  const { query, key } = shapes(situation);
  const keyRanges = keyRangesOf(situation);
  return {
    query: normal(query, situation.sharpness ?? 1),
    key: normal(key),
    value: normal(key),
    ...(keyRanges && { keyRanges }),
  };
}

/** Rows of some 2/3 real tokens, or documents of 1, 2, 3, ... tokens in turn, in whose bounds the queries lie. */
function keyRangesOf({ batch = 1, queries, keys = queries, ranges }: Situation): Operand | undefined {
  if (ranges === undefined) return undefined;
  const values: number[] = [];
  for (let sequence = 0; sequence < batch; sequence++) {
    const length = Math.max(1, Math.ceil((keys * (sequence + 2)) / (batch + 2)));
    for (let query = 0; query < queries; query++) {
      if (ranges === 'padding') values.push(0, length);
      else values.push(...documentOf(query, 13 + sequence, keys));
    }
  }
  return given([batch * queries, 2], values, 'i32');
}

/** Bounds of the document that holds a token, where the k-th has k·unit tokens; none reaches beyond `keys`. */
function documentOf(token: number, unit: number, keys: number): readonly [number, number] {
  let start = 0;
  for (let length = unit; ; length += unit) {
    if (token < start + length || start + length >= keys) return [start, Math.min(keys, start + length)];
    start += length;
  }
}

/** A score of standard deviation `sharpness` has an absolute error in proportion, and exp makes it a relative one. */
function looser({ sharpness = 1 }: Situation) {
  return sharpness === 1 ? {} : { looser: { factor: sharpness, because: 'scores, and so their errors, are larger' } };
}

function forward(situation: Situation): OpCase<'attention'> {
  const { query, logSumExp } = shapes(situation);
  return {
    label: describeSituation(situation),
    operands: { ...inputs(situation), out: output(query), logSumExp: output(logSumExp) },
    scalars: scalars(situation),
    ...looser(situation),
  };
}

function backward(situation: Situation): OpCase<'attentionBackward'> {
  const { query, key, logSumExp } = shapes(situation);
  return {
    label: describeSituation(situation),
    operands: {
      ...inputs(situation),
      out: output(query),
      logSumExp: output(logSumExp),
      dOut: normal(query),
      dQuery: output(query),
      dKey: output(key),
      dValue: output(key),
    },
    scalars: scalars(situation),
    ...looser(situation),
  };
}

/** √d for a score, √T for a sum over keys or queries, and some for exp and the division; all in proportion to 1/(1 − p). */
function roundings(
  operands: { query: Operand; key: Operand },
  { batch, heads, keyValueHeads, dropout }: Scalars<'attention'>,
) {
  const width = operands.query.shape[1] / heads;
  const longest = Math.max(operands.query.shape[0], operands.key.shape[0]) / batch;
  return (Math.sqrt(width) + Math.sqrt((longest * heads) / keyValueHeads) + 8) / (1 - (dropout?.probability ?? 0));
}

/**
 * Probabilities of at most 1 and their gradients, of about 1 with the scale, are rounded to bf16, by up to 2^-9 of each; a sum of
 * them times numbers of about 1 is off by some deviations of that, and by as many times more as dropout multiplies what it keeps.
 */
function ofPairs({ heads, keyValueHeads, dropout }: Scalars<'attention'>): OwnBits {
  return {
    tiers: ['avx512bf16'],
    because: 'products of pairs take probabilities and their gradients as bf16',
    absolute: (8 * 2 ** -9 * Math.sqrt(heads / keyValueHeads)) / (1 - (dropout?.probability ?? 0)),
  };
}

export const attentionCases: OpCases<'attention'> = {
  cases: situations.map(forward),
  tolerance: (operands, _, shape) => ({
    absolute: roundings(operands, shape) * 0.5 * epsilon32,
    relative: 4 * epsilon32,
  }),
  because: 'outputs are averages of values of about 1; √d roundings in a score, √T in a sum over keys',
  ownBitsInBf16: ofPairs,
};

export const attentionBackwardCases: OpCases<'attentionBackward'> = {
  cases: situations.map(backward),
  tolerance: (operands, _, shape) => {
    // dOut·value sums d products of about 1.
    const size = Math.sqrt(operands.query.shape[1] / shape.heads);
    return { absolute: size * 0.5 * roundings(operands, shape) * epsilon32, relative: 8 * epsilon32 };
  },
  because: 'score gradients are about √d, the size of do·v; roundings as in the forward pass',
  ownBitsInBf16: ofPairs,
  prepare: forwardResults,
};

/** What the forward pass leaves for these inputs, rounded to f32 as an engine would keep it. */
async function forwardResults(
  operands: Operands<'attentionBackward'>,
  shape: Scalars<'attentionBackward'>,
  label: string,
) {
  using engine = createReferenceEngine();
  const tensor = (name: string, { shape, dtype }: Operand) =>
    engine.allocate({ shape, dtype, role: 'activation', name });
  const [query, key, value] = (['query', 'key', 'value'] as const).map((name) => {
    const filled = tensor(name, operands[name]);
    const values = valuesOf(operands[name], 'attentionBackward', label, name);
    if (values) engine.write(filled, values);
    return filled;
  });
  const out = tensor('out', operands.out);
  const logSumExp = tensor('logSumExp', operands.logSumExp);
  const { keyRanges: described } = operands;
  const keyRanges = described && tensor('keyRanges', described);
  const ranges = described && valuesOf(described, 'attentionBackward', label, 'keyRanges');
  if (keyRanges && ranges) engine.write(keyRanges, ranges);
  engine.run('attention', { ...shape, query, key, value, out, logSumExp, ...(keyRanges && { keyRanges }) });
  return {
    out: given(out.shape, [...(await engine.read(out))], out.dtype),
    logSumExp: given(logSumExp.shape, [...(await engine.read(logSumExp))]),
  };
}

import { bytesPerElement, type FloatType } from '../../engine/index.js';
import type { Streams } from '../../engine/native/bandwidth.js';
import type { Operands } from './operands.js';

/** What bounds an op: the bytes it has to move, or its arithmetic. */
export type Bound =
  | { readonly kind: 'memory'; readonly streams: Streams }
  /** `pairs`: in attention, of a query and a key that it sees. */
  | { readonly kind: 'arithmetic'; readonly flops: number; readonly pairs?: number };

/** One op on operands that no cache holds. */
export interface OpBench {
  readonly op: string;
  readonly shape: string;
  readonly dtype: FloatType;
  readonly bound: Bound;
  /** Allocates the operands; what it returns runs the op once. */
  prepare(operands: Operands): () => void;
}

/** 64 MiB in f32: two such tensors are more than a third-level cache holds. */
const rows = 16_384;
const columns = 1024;
const matrix = [rows, columns] as const;
const vocabulary = 32_768;

/** All benches, memory-bound ones first. */
export function opBenches(dtype: FloatType): readonly OpBench[] {
  return [...elementwiseBenches(dtype), ...rowBenches(dtype), adamWBench(dtype), ...attentionBenches(dtype)];
}

function memoryBench(
  op: string,
  dtype: FloatType,
  mix: Partial<Omit<Streams, 'bytes'>>,
  prepare: OpBench['prepare'],
): OpBench {
  const bytes = rows * columns * bytesPerElement[dtype];
  const streams = { reads: 0, updates: 0, writes: 0, ...mix, bytes };
  return { op, shape: `${rows}×${columns}`, dtype, bound: { kind: 'memory', streams }, prepare };
}

function elementwiseBenches(dtype: FloatType): readonly OpBench[] {
  return [
    memoryBench('copy', dtype, { reads: 1, writes: 1 }, (t) => {
      const [x, out] = [t.random(matrix, dtype), t.constant(matrix, dtype, 0)];
      return () => t.engine.run('copy', { x, out });
    }),
    memoryBench('add', dtype, { reads: 2, writes: 1 }, (t) => {
      const [a, b, out] = [t.random(matrix, dtype), t.random(matrix, dtype), t.constant(matrix, dtype, 0)];
      return () => t.engine.run('add', { a, b, out });
    }),
    memoryBench('axpby', dtype, { reads: 1, updates: 1 }, (t) => {
      const [x, out] = [t.random(matrix, dtype), t.random(matrix, dtype)];
      return () => t.engine.run('axpby', { x, out, alpha: 1e-3, beta: 0.999, rounding: [1, 2] });
    }),
    memoryBench('swiglu', dtype, { reads: 2, writes: 1 }, (t) => {
      const [gate, up, out] = [t.random(matrix, dtype), t.random(matrix, dtype), t.constant(matrix, dtype, 0)];
      return () => t.engine.run('swiglu', { gate, up, out });
    }),
    // Not in place, as in a model: repeated, the products would become denormals.
    memoryBench('swigluBackward', dtype, { reads: 3, writes: 2 }, (t) => {
      const [gate, up, dy] = [t.random(matrix, dtype), t.random(matrix, dtype), t.random(matrix, dtype)];
      const [dGate, dUp] = [t.constant(matrix, dtype, 0), t.constant(matrix, dtype, 0)];
      return () => t.engine.run('swigluBackward', { gate, up, dy, dGate, dUp });
    }),
    memoryBench('squaredNorm', dtype, { reads: 1 }, (t) => {
      const [x, out] = [t.random(matrix, dtype), t.constant([1], 'f32', 0)];
      return () => t.engine.run('squaredNorm', { x, out });
    }),
  ];
}

function rowBenches(dtype: FloatType): readonly OpBench[] {
  const shuffled = Int32Array.from({ length: rows }, (_, i) => (i * 7919) % vocabulary);
  return [
    memoryBench('rmsNorm', dtype, { reads: 1, writes: 1 }, (t) => {
      const [x, weight] = [t.random(matrix, dtype), t.constant([columns], dtype, 1)];
      const [out, rstd] = [t.constant(matrix, dtype, 0), t.constant([rows], 'f32', 0)];
      return () => t.engine.run('rmsNorm', { x, weight, out, rstd, epsilon: 1e-6 });
    }),
    memoryBench('rmsNormBackward', dtype, { reads: 2, updates: 1 }, (t) => {
      const [x, dy, dx] = [t.random(matrix, dtype), t.random(matrix, dtype), t.random(matrix, dtype)];
      const [weight, dWeight] = [t.constant([columns], dtype, 1), t.constant([columns], dtype, 0)];
      const rstd = t.constant([rows], 'f32', 1);
      return () => t.engine.run('rmsNormBackward', { x, rstd, weight, dy, dx, dWeight, accumulate: true });
    }),
    memoryBench('rope', dtype, { updates: 1 }, (t) => {
      const x = t.random(matrix, dtype);
      const [cos, sin] = [t.constant([256, 32], 'f32', 0.6), t.constant([256, 32], 'f32', 0.8)];
      const shape = { sequenceLength: 256, positionOffset: 0, inverse: false };
      return () => t.engine.run('rope', { ...shape, x, cos, sin, out: x });
    }),
    crossEntropyBench(dtype, shuffled),
    memoryBench('embedding', dtype, { reads: 1, writes: 1 }, (t) => {
      const [table, out, ids] = [t.random([vocabulary, columns], dtype), t.constant(matrix, dtype, 0), t.ids(shuffled)];
      return () => t.engine.run('embedding', { ids, table, out });
    }),
    memoryBench('embeddingBackward', dtype, { reads: 1, updates: 1 }, (t) => {
      const [dTable, dy] = [t.constant([vocabulary, columns], dtype, 0), t.random(matrix, dtype)];
      const ids = t.ids(shuffled);
      return () => t.engine.run('embeddingBackward', { ids, dy, dTable });
    }),
  ];
}

/** Bound by arithmetic: two exponentials per logit, each ten multiplications or multiply-adds. */
function crossEntropyBench(dtype: FloatType, ids: Int32Array): OpBench {
  const shape = [(rows * columns) / vocabulary, vocabulary] as const;
  const flops = 2 * 10 * 2 * rows * columns;
  return {
    ...{ op: 'crossEntropy', shape: shape.join('×'), dtype, bound: { kind: 'arithmetic', flops } },
    prepare(t) {
      const [logits, loss] = [t.random(shape, dtype), t.constant([1], 'f32', 0)];
      const targets = t.ids(ids.slice(0, shape[0]));
      return () => t.engine.run('crossEntropy', { logits, targets, loss, dLogits: logits, scale: 1 });
    },
  };
}

/** Weight and gradient as the model is stored, moments in f32: beside bf16 each of those counts as two streams. */
function adamWBench(dtype: FloatType): OpBench {
  const constants = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, correction1: 0.5, correction2: 0.5 };
  const step = { learningRate: 1e-3, updateScale: 1, weightDecay: 0.1 };
  const mix = { reads: 1, updates: dtype === 'bf16' ? 5 : 3 };
  return memoryBench('adamW', dtype, mix, (t) => {
    const [weight, gradient] = [t.random(matrix, dtype), t.random(matrix, dtype)];
    const [firstMoment, secondMoment] = [t.random(matrix, 'f32'), t.constant(matrix, 'f32', 1)];
    const tensors = { weight, gradient, firstMoment, secondMoment };
    return () => t.engine.run('adamW', { ...tensors, ...constants, ...step, rounding: [1, 2] });
  });
}

/** A short and a long context; time per pair of query and key should be the same. */
function attentionBenches(dtype: FloatType): readonly OpBench[] {
  const [heads, keyValueHeads, width] = [2, 1, 64];
  const contexts = [
    { batch: 8, length: 1024 },
    { batch: 1, length: 16_384 },
  ];
  return contexts.flatMap(({ batch, length }): OpBench[] => {
    const shape = `${batch}×${length}, ${heads} heads of ${width} on ${keyValueHeads}`;
    const pairs = (batch * heads * length * (length + 1)) / 2;
    const operands = (t: Operands) => {
      const query = t.random([batch * length, heads * width], dtype);
      const key = t.random([batch * length, keyValueHeads * width], dtype);
      const value = t.random([batch * length, keyValueHeads * width], dtype);
      const out = t.constant(query.shape, dtype, 0);
      const logSumExp = t.constant([batch * length, heads], 'f32', 0);
      const options = { batch, heads, keyValueHeads, causal: true, scale: 1 / Math.sqrt(width) };
      return { ...options, query, key, value, out, logSumExp };
    };
    const forward = (t: Operands) => {
      const args = operands(t);
      return () => t.engine.run('attention', args);
    };
    const backward = (t: Operands) => {
      const args = operands(t);
      t.engine.run('attention', args);
      const dOut = t.random([batch * length, heads * width], dtype);
      const dQuery = t.constant(args.query.shape, dtype, 0);
      const dKey = t.constant(args.key.shape, dtype, 0);
      const dValue = t.constant(args.value.shape, dtype, 0);
      return () => t.engine.run('attentionBackward', { ...args, dOut, dQuery, dKey, dValue });
    };
    const bound = (products: number) => ({ kind: 'arithmetic' as const, flops: products * 2 * width * pairs, pairs });
    return [
      { op: 'attention', shape, dtype, bound: bound(2), prepare: forward },
      { op: 'attentionBackward', shape, dtype, bound: bound(5), prepare: backward },
    ];
  });
}

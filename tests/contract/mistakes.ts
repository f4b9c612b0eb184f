import type { DType, OpArgs, OpName, Tensor } from '../../src/engine/index.js';

type Allocate = (shape: readonly number[], dtype?: DType) => Tensor;

interface Mistake<K extends OpName> {
  readonly args: (tensor: Allocate) => OpArgs[K];
  readonly message: string;
}

const adam = { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, correction1: 1, correction2: 1 };
const adafactor = { decay: 0.9, epsilon: 1e-30, clipThreshold: 1, minimumScale: 1e-3, factor: 1 };
const heads = { batch: 1, heads: 2, keyValueHeads: 2, causal: true, scale: 1 };

/** Rows of attention tensors; out and logSumExp fit the query. */
function attention(t: Allocate, query: readonly number[], key: readonly number[], value = key) {
  return { query: t(query), key: t(key), value: t(value), out: t(query), logSumExp: t([query[0], 2]) };
}

function rope(t: Allocate, x: readonly number[], table: readonly number[]) {
  return { x: t(x), cos: t(table), sin: t(table), out: t(x), inverse: false };
}

/** What people get wrong, and what they are told. An op without an example does not compile. */
export const mistakes: { readonly [K in OpName]: readonly Mistake<K>[] } = {
  gemm: [
    {
      args: (t) => ({ a: t([2, 3]), b: t([4, 5]), out: t([2, 5]) }),
      message: 'gemm: inner extents differ, 3 in a and 4 in b',
    },
    {
      args: (t) => ({ a: t([3, 2]), b: t([4, 3]), out: t([4, 2]), transA: true, transB: true }),
      message: 'gemm out: expected [2, 4], found [4, 2]',
    },
    {
      args: (t) => ({ a: t([2, 3]), b: t([3, 5]), out: t([2, 5]), addend: t([2, 5]), accumulate: true }),
      message: 'gemm: accumulate and addend exclude each other',
    },
    {
      args: (t) => ({ a: t([6]), b: t([3, 5]), out: t([2, 5]) }),
      message: 'gemm a: expected a matrix, found [6]',
    },
    {
      args: (t) => ({ a: t([2, 3]), b: t([3, 5], 'i32'), out: t([2, 5]) }),
      message: 'gemm b: expected f32 or bf16, found i32',
    },
  ],
  embedding: [
    {
      args: (t) => ({ ids: t([4], 'i32'), table: t([9, 3]), out: t([5, 3]) }),
      message: 'embedding ids: expected [5], found [4]',
    },
  ],
  embeddingBackward: [
    {
      args: (t) => ({ ids: t([4], 'i32'), dy: t([4, 2]), dTable: t([9, 3]) }),
      message: 'embeddingBackward dy: expected [4, 3], found [4, 2]',
    },
  ],
  rmsNorm: [
    {
      args: (t) => ({ x: t([4, 3]), weight: t([4]), out: t([4, 3]), rstd: t([4]), epsilon: 1e-6 }),
      message: 'rmsNorm weight: expected [3], found [4]',
    },
  ],
  rmsNormBackward: [
    {
      args: (t) => ({ x: t([4, 3]), rstd: t([3]), weight: t([3]), dy: t([4, 3]), dx: t([4, 3]) }),
      message: 'rmsNormBackward rstd: expected [4], found [3]',
    },
  ],
  rope: [
    {
      args: (t) => ({ ...rope(t, [4, 6], [4, 2]), sequenceLength: 4, positionOffset: 0 }),
      message: 'rope: width 6 is not a multiple of the head width 4',
    },
    {
      args: (t) => ({ ...rope(t, [4, 8], [4, 2]), sequenceLength: 4, positionOffset: 1 }),
      message: 'rope: positions 1..4 exceed the table of 4',
    },
    {
      args: (t) => ({ ...rope(t, [4, 8], [4, 2]), sequenceLength: 3, positionOffset: 0 }),
      message: 'rope: 4 rows are not whole sequences',
    },
  ],
  attention: [
    {
      args: (t) => ({ ...heads, keyValueHeads: 3, ...attention(t, [4, 6], [4, 6]) }),
      message: 'attention: 2 heads cannot share 3 key/value heads',
    },
    {
      args: (t) => ({ ...heads, ...attention(t, [4, 6], [4, 9]) }),
      message: 'attention: key width 9, expected 6',
    },
    {
      args: (t) => ({ ...heads, ...attention(t, [4, 6], [3, 6]) }),
      message: 'attention: 4 causal queries over 3 keys',
    },
    {
      args: (t) => ({ ...heads, batch: 3, ...attention(t, [4, 6], [4, 6]) }),
      message: 'attention: rows are not 3 whole sequences',
    },
    {
      args: (t) => ({ ...heads, ...attention(t, [4, 6], [4, 6]), dropout: { probability: 1, key: [0, 0] } }),
      message: 'attention: probability 1 is not in [0, 1)',
    },
  ],
  attentionBackward: [
    {
      args: (t) => ({
        ...heads,
        ...attention(t, [4, 6], [4, 6]),
        ...{ dOut: t([4, 6]), dQuery: t([4, 6]), dKey: t([4, 5]), dValue: t([4, 6]) },
      }),
      message: 'attentionBackward dKey: expected [4, 6], found [4, 5]',
    },
  ],
  swiglu: [
    {
      args: (t) => ({ gate: t([4, 3]), up: t([3, 4]), out: t([4, 3]) }),
      message: 'swiglu up: expected [4, 3], found [3, 4]',
    },
  ],
  swigluBackward: [
    {
      args: (t) => ({ gate: t([4]), up: t([4]), dy: t([4]), dGate: t([4]), dUp: t([5]) }),
      message: 'swigluBackward dUp: expected [4], found [5]',
    },
  ],
  logSoftmax: [
    {
      args: (t) => ({ x: t([4, 3]), out: t([4, 4]) }),
      message: 'logSoftmax out: expected [4, 3], found [4, 4]',
    },
  ],
  nllLoss: [
    {
      args: (t) => ({ logProbs: t([4, 3]), targets: t([3], 'i32'), loss: t([1]), scale: 1 }),
      message: 'nllLoss targets: expected [4], found [3]',
    },
  ],
  nllLossBackward: [
    {
      args: (t) => ({ logProbs: t([4, 3]), targets: t([4]), dLogits: t([4, 3]), scale: 1 }),
      message: 'nllLossBackward targets: expected i32, found f32',
    },
  ],
  crossEntropy: [
    {
      args: (t) => ({ logits: t([4, 3]), targets: t([4], 'i32'), loss: t([4]), scale: 1 }),
      message: 'crossEntropy loss: expected [1], found [4]',
    },
  ],
  fill: [
    { args: (t) => ({ out: t([3], 'i32'), value: 0 }), message: 'fill out: expected f32 or bf16, found i32' },
    { args: (t) => ({ out: t([3], 'u8'), value: 256 }), message: 'fill: 256 in a tensor of bytes' },
    { args: (t) => ({ out: t([3], 'u8'), value: 0.5 }), message: 'fill: 0.5 in a tensor of bytes' },
  ],
  copy: [
    { args: (t) => ({ x: t([2, 3]), out: t([5]) }), message: 'copy: [2,3] into [5]' },
    { args: (t) => ({ x: t([3]), out: t([3], 'i32') }), message: 'copy out: expected f32 or bf16, found i32' },
  ],
  add: [
    {
      args: (t) => ({ a: t([2, 3]), b: t([3]), out: t([2, 3]) }),
      message: 'add b: expected [2, 3], found [3]',
    },
    {
      args: (t) => ({ a: t([3]), b: t([3], 'bf16'), out: t([3]) }),
      message: 'add b: expected f32 like a, found bf16',
    },
  ],
  scale: [
    { args: (t) => ({ x: t([3], 'u8'), factor: 2 }), message: 'scale x: expected f32 or bf16, found u8' },
    { args: (t) => ({ x: t([3]), factor: 2, by: t([3]) }), message: 'scale by: expected [1], found [3]' },
  ],
  axpby: [
    {
      args: (t) => ({ x: t([3]), out: t([4]), alpha: 1, beta: 1 }),
      message: 'axpby out: expected [3], found [4]',
    },
  ],
  adamW: [
    {
      args: (t) => ({
        ...adam,
        ...{ weight: t([4, 3]), gradient: t([3, 4]), firstMoment: t([4, 3]), secondMoment: t([4, 3]) },
        ...{ learningRate: 1, updateScale: 1, weightDecay: 0 },
      }),
      message: 'adamW gradient: expected [4, 3], found [3, 4]',
    },
    {
      args: (t) => ({
        ...adam,
        ...{ weight: t([4], 'bf16'), gradient: t([4], 'bf16'), firstMoment: t([4]), secondMoment: t([4]) },
        ...{ learningRate: 1, updateScale: 1, weightDecay: 0 },
      }),
      message: 'adamW: bf16 needs a key for stochastic rounding',
    },
  ],
  adamDirection: [
    {
      args: (t) => ({
        ...adam,
        ...{ gradient: t([4]), firstMoment: t([4]), secondMoment: t([4]), gradientScale: t([4]), factor: 1 },
      }),
      message: 'adamDirection gradientScale: expected [1], found [4]',
    },
  ],
  adam8bitDirection: [
    {
      args: (t) => ({
        ...{ ...adam, gradient: t([300]), firstCodes: t([300], 'u8'), secondCodes: t([300], 'u8') },
        ...{ firstScales: t([2]), secondScales: t([1]), blockSize: 256, factor: 1 },
      }),
      message: 'adam8bitDirection secondScales: expected [2], found [1]',
    },
    {
      args: (t) => ({
        ...{ ...adam, gradient: t([3]), firstCodes: t([3], 'u8'), secondCodes: t([3]) },
        ...{ firstScales: t([1]), secondScales: t([1]), blockSize: 256, factor: 1 },
      }),
      message: 'adam8bitDirection secondCodes: expected u8, found f32',
    },
    {
      args: (t) => ({
        ...{ ...adam, gradient: t([3]), firstCodes: t([3], 'u8'), secondCodes: t([3], 'u8') },
        ...{ firstScales: t([1]), secondScales: t([1]), blockSize: 8192, factor: 1 },
      }),
      message: 'adam8bitDirection: blocks of 8192 elements',
    },
  ],
  adamMiniDirection: [
    {
      args: (t) => ({
        ...{ ...adam, gradient: t([6, 4]), firstMoment: t([6, 4]), secondMoment: t([4]) },
        ...{ along: 'rows', factor: 1 },
      }),
      message: 'adamMiniDirection: 4 equal blocks of 6 rows',
    },
    {
      args: (t) => ({
        ...{ ...adam, gradient: t([6, 4]), firstMoment: t([6, 4]), secondMoment: t([6]) },
        ...{ along: 'columns', factor: 1 },
      }),
      message: 'adamMiniDirection secondMoment: expected [4], found [6]',
    },
  ],
  adafactorDirection: [
    {
      args: (t) => ({ ...adafactor, gradient: t([6, 4]), rowMoment: t([6]), weight: t([24]) }),
      message: 'adafactorDirection: give a row and a column moment, or a second moment',
    },
    {
      args: (t) => ({
        ...{ ...adafactor, gradient: t([6, 4]), weight: t([24]) },
        ...{ rowMoment: t([4]), columnMoment: t([6]) },
      }),
      message: 'adafactorDirection rowMoment: expected [6], found [4]',
    },
    {
      args: (t) => ({
        ...{ ...adafactor, gradient: t([6, 4]), weight: t([24]) },
        ...{ rowMoment: t([6]), columnMoment: t([4]), secondMoment: t([6, 4]) },
      }),
      message: 'adafactorDirection: give a row and a column moment, or a second moment',
    },
  ],
  normalize: [
    {
      args: (t) => ({ x: t([3], 'i32'), factor: 1, epsilon: 0 }),
      message: 'normalize x: expected f32 or bf16, found i32',
    },
  ],
  squaredNorm: [{ args: (t) => ({ x: t([4]), out: t([4]) }), message: 'squaredNorm out: expected [1], found [4]' }],
  clipFactor: [
    {
      args: (t) => ({ squaredNorm: t([2]), out: t([1]), maxNorm: 1 }),
      message: 'clipFactor squaredNorm: expected [1], found [2]',
    },
  ],
  random: [
    {
      args: (t) => ({ out: t([4]), family: 'gaussian', key: [1, 2], deviation: 1 }),
      message: 'random out: expected a matrix, found [4]',
    },
  ],
  orthonormalize: [
    {
      args: (t) => ({ x: t([3, 4]), factor: 1 }),
      message: 'orthonormalize: 4 columns cannot be orthonormal in 3 dimensions',
    },
  ],
  quantize: [
    {
      args: (t) => ({ x: t([9]), codes: t([4], 'u8'), scales: t([1, 2], 'bf16'), bits: 4, key: [1, 2] }),
      message: 'quantize codes: expected [5], found [4]',
    },
    {
      args: (t) => ({ x: t([129]), codes: t([129], 'u8'), scales: t([1, 2], 'bf16'), bits: 8, key: [1, 2] }),
      message: 'quantize scales: expected [2, 2], found [1, 2]',
    },
  ],
  dequantize: [
    {
      args: (t) => ({ codes: t([9]), scales: t([1, 2], 'bf16'), out: t([9]), bits: 8 }),
      message: 'dequantize codes: expected u8, found f32',
    },
  ],
  slopeCodes: [
    {
      args: (t) => ({ x: t([9]), codes: t([2], 'u8'), function: 'resilu2' }),
      message: 'slopeCodes codes: expected [3], found [2]',
    },
  ],
  slopeBackward: [
    {
      args: (t) => ({ codes: t([2], 'u8'), dy: t([8]), dx: t([2, 4]), function: 'regelu2' }),
      message: 'slopeBackward dx: expected [8], found [2, 4]',
    },
  ],
  silu: [{ args: (t) => ({ x: t([4]), out: t([5]) }), message: 'silu out: expected [4], found [5]' }],
  multiply: [
    {
      args: (t) => ({ a: t([2, 3]), b: t([3]), out: t([2, 3]) }),
      message: 'multiply b: expected [2, 3], found [3]',
    },
  ],
  scaleColumns: [
    { args: (t) => ({ x: t([2, 3]), factors: t([2]) }), message: 'scaleColumns factors: expected [3], found [2]' },
  ],
  subtokenDirection: [
    {
      args: (t) => ({ x: t([4, 3]), out: t([5]) }),
      message: 'subtokenDirection: sub-tokens of 5 in tokens of 3',
    },
  ],
  subtokenProject: [
    {
      args: (t) => ({ x: t([4, 7]), direction: t([3]), out: t([4, 2]) }),
      message: 'subtokenProject out: expected [4, 3], found [4, 2]',
    },
  ],
  subtokenExpand: [
    {
      args: (t) => ({ coefficients: t([4, 2]), direction: t([3]), out: t([4, 7]), factor: 1 }),
      message: 'subtokenExpand coefficients: expected [4, 3], found [4, 2]',
    },
  ],
  fastMatrix: [
    {
      args: (t) => ({ out: t([3, 4]), family: 'srht', key: [1, 2] }),
      message: 'fastMatrix: rank 4 is larger than the input width 3',
    },
    {
      args: (t) => ({ out: t([70_000, 1]), family: 'srht', key: [1, 2] }),
      message: 'fastMatrix: input width 70000 is larger than 65535',
    },
  ],
  fastProject: [
    {
      args: (t) => ({ x: t([5, 3]), out: t([5, 4]), family: 'sparse', key: [1, 2] }),
      message: 'fastProject: rank 4 is larger than the input width 3',
    },
    {
      args: (t) => ({ x: t([5, 3]), out: t([4, 2]), family: 'sparse', key: [1, 2] }),
      message: 'fastProject out: expected [5, 2], found [4, 2]',
    },
  ],
  fastExpand: [
    {
      args: (t) => ({ x: t([4, 5]), out: t([5, 3]), family: 'srht', key: [1, 2] }),
      message: 'fastExpand: rank 4 is larger than the input width 3',
    },
    {
      args: (t) => ({ x: t([2, 5]), out: t([6, 3]), family: 'srht', key: [1, 2] }),
      message: 'fastExpand out: expected [5, 3], found [6, 3]',
    },
  ],
  singularVectors: [
    { args: (t) => ({ x: t([4, 3]), out: t([2, 3]) }), message: 'singularVectors: 4 rows are more than 3 columns' },
    {
      args: (t) => ({ x: t([3, 4]), out: t([4, 4]) }),
      message: 'singularVectors: 4 vectors are more than the 3 rows have',
    },
  ],
  channelScale: [
    {
      args: (t) => ({ x: t([4, 3]), projected: t([3, 2]), direction: t([3, 2]), channels: 'rows' }),
      message: 'channelScale projected: expected [4, 2], found [3, 2]',
    },
    {
      args: (t) => ({ x: t([4, 3]), projected: t([2, 3]), direction: t([2, 4]), channels: 'columns' }),
      message: 'channelScale direction: expected [2, 3], found [2, 4]',
    },
  ],
  limitGrowth: [
    {
      args: (t) => ({ x: t([4, 3]), previous: t([2]), factor: 1 }),
      message: 'limitGrowth previous: expected [1], found [2]',
    },
  ],
  layerNorm: [
    {
      args: (t) => ({
        x: t([4, 3]),
        weight: t([3]),
        bias: t([4]),
        out: t([4, 3]),
        mean: t([4]),
        rstd: t([4]),
        epsilon: 1e-6,
      }),
      message: 'layerNorm bias: expected [3], found [4]',
    },
  ],
  layerNormBackward: [
    {
      args: (t) => ({ x: t([4, 3]), mean: t([3]), rstd: t([4]), weight: t([3]), dy: t([4, 3]), dx: t([4, 3]) }),
      message: 'layerNormBackward mean: expected [4], found [3]',
    },
  ],
  gelu: [
    {
      args: (t) => ({ x: t([4, 3]), out: t([3, 4]), form: 'exact' }),
      message: 'gelu out: expected [4, 3], found [3, 4]',
    },
  ],
  geluBackward: [
    {
      args: (t) => ({ x: t([4]), dy: t([5]), dx: t([4]), form: 'tanh' }),
      message: 'geluBackward dy: expected [4], found [5]',
    },
  ],
  tanh: [{ args: (t) => ({ x: t([4], 'bf16'), out: t([4]) }), message: 'tanh out: expected bf16 like x, found f32' }],
  tanhBackward: [
    { args: (t) => ({ y: t([4]), dy: t([4]), dx: t([3]) }), message: 'tanhBackward dx: expected [4], found [3]' },
  ],
  addBias: [
    {
      args: (t) => ({ x: t([4, 3]), bias: t([4]), out: t([4, 3]) }),
      message: 'addBias bias: expected [3], found [4]',
    },
  ],
  columnSum: [{ args: (t) => ({ x: t([4, 3]), out: t([4]) }), message: 'columnSum out: expected [3], found [4]' }],
  dropout: [
    {
      args: (t) => ({ x: t([4, 3]), out: t([4, 3]), mask: t([4, 3]), probability: 0.1, key: [1, 2] }),
      message: 'dropout mask: expected u8, found f32',
    },
    {
      args: (t) => ({ x: t([4, 3]), out: t([4, 3]), probability: 1, key: [1, 2] }),
      message: 'dropout: probability 1 is not in [0, 1)',
    },
    {
      args: (t) => ({ x: t([4, 3]), out: t([4, 3]), probability: -0.1, key: [1, 2] }),
      message: 'dropout: probability -0.1 is not in [0, 1)',
    },
  ],
  dropoutBackward: [
    {
      args: (t) => ({ dy: t([4]), mask: t([3], 'u8'), dx: t([4]), probability: 0.1 }),
      message: 'dropoutBackward mask: expected [4], found [3]',
    },
  ],
  squaredError: [
    {
      args: (t) => ({ predictions: t([4, 2]), targets: t([4]), loss: t([1]), scale: 1 }),
      message: 'squaredError targets: expected [8], found [4]',
    },
  ],
};

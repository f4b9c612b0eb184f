import { attentionExtents } from '../contract/attention.js';
import { channelKinds } from '../contract/channel-scale.js';
import { dropoutThreshold } from '../contract/dropout.js';
import { type FastProjection, hadamardSize, sparseEntries } from '../contract/fast-projection.js';
import { gemmExtents } from '../contract/gemm.js';
import { type Kernels, type OpArgs, type OpName, ops } from '../contract/index.js';
import type { AdamConstants } from '../contract/optimizer.js';
import type { RandomKey } from '../contract/random.js';
import { matrix, type OpSpec, storageTypes } from '../contract/spec.js';
import { slopeLevels, slopeThresholds } from '../contract/step-slope.js';
import { bytesPerElement } from '../dtype.js';
import { sizeOf, type Tensor } from '../tensor.js';

/** Numbers that the addon can take per op. */
export const argumentSlots = 64;

/** Codes of the ops; the order is that of `opFunctions` in native/binding/run-op.cpp. */
const opCodes: { readonly [K in OpName]: number } = {
  gemm: 0,
  embedding: 1,
  embeddingBackward: 2,
  rmsNorm: 3,
  rmsNormBackward: 4,
  rope: 5,
  attention: 6,
  attentionBackward: 7,
  swiglu: 8,
  swigluBackward: 9,
  logSoftmax: 10,
  nllLoss: 11,
  nllLossBackward: 12,
  crossEntropy: 13,
  fill: 14,
  copy: 15,
  add: 16,
  scale: 17,
  adamW: 18,
  adamDirection: 19,
  squaredNorm: 20,
  clipFactor: 21,
  random: 22,
  orthonormalize: 23,
  axpby: 24,
  quantize: 25,
  dequantize: 26,
  slopeCodes: 27,
  slopeBackward: 28,
  silu: 29,
  multiply: 30,
  scaleColumns: 31,
  subtokenDirection: 32,
  subtokenProject: 33,
  subtokenExpand: 34,
  fastMatrix: 35,
  fastProject: 36,
  fastExpand: 37,
  adam8bitDirection: 38,
  adamMiniDirection: 39,
  adafactorDirection: 40,
  normalize: 41,
  singularVectors: 42,
  channelScale: 43,
  limitGrowth: 44,
  layerNorm: 45,
  layerNormBackward: 46,
  gelu: 47,
  geluBackward: 48,
  tanh: 49,
  tanhBackward: 50,
  addBias: 51,
  columnSum: 52,
  dropout: 53,
  dropoutBackward: 54,
  squaredError: 55,
};

/** What an op passes to C++: numbers, flags, tensors (as byte offsets) and left-out tensors (as −1). */
type Argument = number | boolean | Tensor | undefined;

type Arguments = {
  readonly [K in OpName]: (args: OpArgs[K], scratch: Tensor | undefined) => readonly Argument[];
};

/** Byte offset of a tensor's first element in the arena. */
export function byteOffset(tensor: Tensor): number {
  return tensor.storage.address + tensor.offset * bytesPerElement[tensor.dtype];
}

/** The order in which native/binding/run-op.cpp reads, after the types of the op's storage groups. */
const argumentsOf: Arguments = {
  gemm(args, scratch) {
    const { a, b, out, addend, transA = false, transB = false, accumulate = false } = args;
    const types = [a, b, out, addend].map((tensor) => tensor?.dtype === 'bf16');
    return [...gemmExtents(args), transA, transB, accumulate, ...types, a, b, out, addend, scratch];
  },
  embedding: ({ ids, table, out }) => [...matrix('out', out), table.shape[0], ids, table, out],
  embeddingBackward: ({ ids, dy, dTable }, scratch) => [...matrix('dy', dy), dTable.shape[0], ids, dy, dTable, scratch],
  rmsNorm: ({ x, weight, out, rstd, normalized, epsilon }) => [
    ...matrix('x', x),
    epsilon,
    x,
    weight,
    out,
    rstd,
    normalized,
  ],
  rmsNormBackward(args, scratch) {
    const { x, normalized = false, rstd, weight, dy, dx, accumulate = false, dWeight } = args;
    return [...matrix('x', x), normalized, accumulate, x, rstd, weight, dy, dx, dWeight, scratch];
  },
  rope({ x, cos, sin, out, sequenceLength, positionOffset, inverse }) {
    return [...matrix('x', x), ...matrix('cos', cos), sequenceLength, positionOffset, inverse, x, cos, sin, out];
  },
  attention(args, scratch) {
    const { query, key, value, out, logSumExp, keyRanges } = args;
    return [...attentionShape(args), query, key, value, out, logSumExp, keyRanges, scratch];
  },
  attentionBackward(args, scratch) {
    const { query, key, value, out, logSumExp, dOut, dQuery, dKey, dValue, keyRanges } = args;
    return [...attentionShape(args), query, key, value, out, logSumExp, dOut, dQuery, dKey, dValue, keyRanges, scratch];
  },
  swiglu: ({ gate, up, out, activated }) => [sizeOf(gate.shape), gate, up, out, activated],
  swigluBackward: ({ gate, up, activated, dy, dGate, dUp }) => [
    sizeOf(gate.shape),
    gate,
    up,
    activated,
    dy,
    dGate,
    dUp,
  ],
  logSoftmax: ({ x, out }) => [...matrix('x', x), x, out],
  nllLoss: ({ logProbs, targets, loss, scale }) => [...matrix('logProbs', logProbs), scale, logProbs, targets, loss],
  nllLossBackward: ({ logProbs, targets, dLogits, scale }) => [
    ...matrix('logProbs', logProbs),
    scale,
    logProbs,
    targets,
    dLogits,
  ],
  crossEntropy({ logits, targets, loss, dLogits, scale }, scratch) {
    return [...matrix('logits', logits), scale, logits, targets, loss, dLogits, scratch];
  },
  fill: ({ out, value }) =>
    out.dtype === 'u8'
      ? [sizeOf(out.shape), true, value, out]
      : [sizeOf(out.shape), false, out.dtype === 'bf16', value, out],
  copy: ({ x, out }) => [sizeOf(x.shape), x, out],
  add: ({ a, b, out }) => [sizeOf(a.shape), a, b, out],
  scale: ({ x, factor, by }) => [sizeOf(x.shape), factor, x, by],
  axpby: ({ x, out, alpha, beta, alphaFactor, rounding }) => [
    sizeOf(x.shape),
    ...roundingKey(rounding),
    alpha,
    beta,
    x,
    out,
    alphaFactor,
  ],
  adamW: (args) => [
    ...adamState(args),
    args.learningRate,
    args.updateScale,
    args.weightDecay,
    args.weight,
    args.gradient,
  ],
  adamDirection: (args) => [...adamState(args), args.factor, args.gradient],
  adam8bitDirection: (args) => [
    ...adamNumbers(args, args.gradient),
    args.blockSize,
    args.factor,
    args.gradient,
    args.firstCodes,
    args.firstScales,
    args.secondCodes,
    args.secondScales,
  ],
  adamMiniDirection: (args) => [
    ...adamNumbers(args, args.gradient),
    sizeOf(args.secondMoment.shape),
    args.along === 'columns',
    args.factor,
    args.gradient,
    args.firstMoment,
    args.secondMoment,
  ],
  adafactorDirection(args, scratch) {
    const { gradient, rowMoment, columnMoment, secondMoment, weight, gradientScale } = args;
    const { decay, epsilon, clipThreshold, minimumScale, factor } = args;
    const factors = rowMoment ? matrix('gradient', gradient) : [0, 0];
    return [
      ...[sizeOf(gradient.shape), ...factors, sizeOf(weight.shape)],
      ...[decay, epsilon, clipThreshold, minimumScale, factor],
      ...[gradient, rowMoment, columnMoment, secondMoment, weight, gradientScale, scratch],
    ];
  },
  normalize: ({ x, factor, epsilon }, scratch) => [sizeOf(x.shape), factor, epsilon, x, scratch],
  squaredNorm: ({ x, out }, scratch) => [sizeOf(x.shape), x, out, scratch],
  clipFactor: ({ squaredNorm, out, maxNorm }) => [maxNorm, squaredNorm, out],
  random: ({ out, family, key, deviation }) => [
    ...matrix('out', out),
    family === 'gaussian',
    key[0],
    key[1],
    deviation,
    out,
  ],
  orthonormalize: ({ x, factor }, scratch) => [...matrix('x', x), factor, x, scratch],
  quantize: ({ x, codes, scales, bits, key }) => [sizeOf(x.shape), bits, key[0], key[1], x, codes, scales],
  dequantize: ({ codes, scales, bits, out }) => [sizeOf(out.shape), bits, codes, scales, out],
  slopeCodes: ({ x, codes, function: name }) => [sizeOf(x.shape), ...slopeThresholds(name), x, codes],
  slopeBackward: ({ codes, dy, dx, function: name }) => [sizeOf(dy.shape), ...slopeLevels(name), codes, dy, dx],
  silu: ({ x, out }) => [sizeOf(x.shape), x, out],
  multiply: ({ a, b, out }) => [sizeOf(a.shape), a, b, out],
  scaleColumns: ({ x, factors }) => [...matrix('x', x), x, factors],
  subtokenDirection: ({ x, out }) => [...matrix('x', x), sizeOf(out.shape), x, out],
  subtokenProject: ({ x, direction, out }) => [...matrix('x', x), sizeOf(direction.shape), x, direction, out],
  subtokenExpand: ({ coefficients, direction, out, factor, accumulate = false }) => [
    ...matrix('out', out),
    sizeOf(direction.shape),
    factor,
    accumulate,
    coefficients,
    direction,
    out,
  ],
  fastMatrix(args, scratch) {
    const [inputSize, rank] = matrix('out', args.out);
    return [...fastProjection(args, inputSize, rank), args.out, scratch];
  },
  fastProject(args, scratch) {
    const { x, out } = args;
    return [...fastProjection(args, x.shape[1], out.shape[1]), x.shape[0], x, out, scratch];
  },
  fastExpand(args, scratch) {
    const { x, out } = args;
    return [...fastProjection(args, out.shape[1], x.shape[0]), out.shape[0], x, out, scratch];
  },
  singularVectors: ({ x, out }, scratch) => [...matrix('x', x), out.shape[0], x, out, scratch],
  channelScale({ x, projected, direction, channels }, scratch) {
    const extents = [...matrix('x', x), ...matrix('projected', projected)];
    return [...extents, channelKinds.indexOf(channels), x, projected, direction, scratch];
  },
  limitGrowth: ({ x, previous, factor }, scratch) => [sizeOf(x.shape), factor, x, previous, scratch],
  layerNorm: ({ x, weight, bias, out, mean, rstd, epsilon }) => [
    ...matrix('x', x),
    epsilon,
    x,
    weight,
    bias,
    out,
    mean,
    rstd,
  ],
  layerNormBackward(args, scratch) {
    const { x, mean, rstd, weight, dy, dx, accumulate = false, dWeight, dBias } = args;
    return [...matrix('x', x), accumulate, x, mean, rstd, weight, dy, dx, dWeight, dBias, scratch];
  },
  gelu: ({ x, out, form }) => [sizeOf(x.shape), form === 'exact', x, out],
  geluBackward: ({ x, dy, dx, form }) => [sizeOf(x.shape), form === 'exact', x, dy, dx],
  tanh: ({ x, out }) => [sizeOf(x.shape), x, out],
  tanhBackward: ({ y, dy, dx }) => [sizeOf(y.shape), y, dy, dx],
  addBias: ({ x, bias, out }) => [...matrix('x', x), x, bias, out],
  columnSum: ({ x, out }, scratch) => [...matrix('x', x), x, out, scratch],
  dropout: ({ x, residual, out, mask, probability, key }) => [
    ...matrix('x', x),
    dropoutThreshold(probability),
    1 / (1 - probability),
    key[0],
    key[1],
    x,
    residual,
    out,
    mask,
  ],
  dropoutBackward: ({ dy, mask, dx, probability }) => [sizeOf(dy.shape), 1 / (1 - probability), dy, mask, dx],
  squaredError: ({ predictions, targets, loss, dPredictions, scale }) => [
    sizeOf(predictions.shape),
    scale,
    predictions,
    targets,
    loss,
    dPredictions,
  ],
};

function fastProjection({ family, key }: FastProjection, inputSize: number, rank: number): readonly Argument[] {
  return [family === 'sparse', key[0], key[1], inputSize, rank, sparseEntries(rank), hadamardSize(inputSize)];
}

function attentionShape(args: OpArgs['attention'] | OpArgs['attentionBackward']): readonly Argument[] {
  const { batch, heads, keyValueHeads, causal, scale } = args;
  const { queryLength, keyLength, headWidth } = attentionExtents('attention', args);
  const shape = [batch, heads, keyValueHeads, queryLength, keyLength, headWidth, causal, scale];
  const { probability, key } = args.dropout ?? { probability: 0, key: [0, 0] };
  return [...shape, dropoutThreshold(probability), 1 / (1 - probability), key[0], key[1]];
}

function adamState(args: OpArgs['adamW'] | OpArgs['adamDirection']): readonly Argument[] {
  const { firstMoment, secondMoment, rounding } = args;
  return [...adamNumbers(args, firstMoment), ...roundingKey(rounding), firstMoment, secondMoment];
}

function adamNumbers(args: AdamConstants, { shape }: Tensor): readonly Argument[] {
  const { gradientScale, beta1, beta2, epsilon, correction1, correction2 } = args;
  return [sizeOf(shape), beta1, beta2, epsilon, correction1, correction2, gradientScale];
}

function roundingKey(key: RandomKey = [0, 0]): RandomKey {
  return key;
}

/**
 * The kernels: write the arguments into the block that the addon shares, then call.
 *
 * @param run runs the op with this code on the arguments in `block`
 */
export function nativeKernels(block: Float64Array, run: (opCode: number) => void): Kernels {
  const kernel =
    <K extends OpName>(op: K) =>
    (args: OpArgs[K], scratch: Tensor | undefined): void => {
      const spec: OpSpec<OpArgs[K]> = ops[op];
      const types = storageTypes(op, spec, args).map((dtype) => dtype === 'bf16');
      writeArguments(block, [...types, ...argumentsOf[op](args, scratch)]);
      run(opCodes[op]);
    };
  return {
    gemm: kernel('gemm'),
    embedding: kernel('embedding'),
    embeddingBackward: kernel('embeddingBackward'),
    rmsNorm: kernel('rmsNorm'),
    rmsNormBackward: kernel('rmsNormBackward'),
    rope: kernel('rope'),
    attention: kernel('attention'),
    attentionBackward: kernel('attentionBackward'),
    swiglu: kernel('swiglu'),
    swigluBackward: kernel('swigluBackward'),
    logSoftmax: kernel('logSoftmax'),
    nllLoss: kernel('nllLoss'),
    nllLossBackward: kernel('nllLossBackward'),
    crossEntropy: kernel('crossEntropy'),
    fill: kernel('fill'),
    copy: kernel('copy'),
    add: kernel('add'),
    scale: kernel('scale'),
    axpby: kernel('axpby'),
    adamW: kernel('adamW'),
    adamDirection: kernel('adamDirection'),
    adam8bitDirection: kernel('adam8bitDirection'),
    adamMiniDirection: kernel('adamMiniDirection'),
    adafactorDirection: kernel('adafactorDirection'),
    normalize: kernel('normalize'),
    squaredNorm: kernel('squaredNorm'),
    clipFactor: kernel('clipFactor'),
    random: kernel('random'),
    orthonormalize: kernel('orthonormalize'),
    quantize: kernel('quantize'),
    dequantize: kernel('dequantize'),
    slopeCodes: kernel('slopeCodes'),
    slopeBackward: kernel('slopeBackward'),
    silu: kernel('silu'),
    multiply: kernel('multiply'),
    scaleColumns: kernel('scaleColumns'),
    subtokenDirection: kernel('subtokenDirection'),
    subtokenProject: kernel('subtokenProject'),
    subtokenExpand: kernel('subtokenExpand'),
    fastMatrix: kernel('fastMatrix'),
    fastProject: kernel('fastProject'),
    fastExpand: kernel('fastExpand'),
    singularVectors: kernel('singularVectors'),
    channelScale: kernel('channelScale'),
    limitGrowth: kernel('limitGrowth'),
    layerNorm: kernel('layerNorm'),
    layerNormBackward: kernel('layerNormBackward'),
    gelu: kernel('gelu'),
    geluBackward: kernel('geluBackward'),
    tanh: kernel('tanh'),
    tanhBackward: kernel('tanhBackward'),
    addBias: kernel('addBias'),
    columnSum: kernel('columnSum'),
    dropout: kernel('dropout'),
    dropoutBackward: kernel('dropoutBackward'),
    squaredError: kernel('squaredError'),
  };
}

function writeArguments(block: Float64Array, values: readonly Argument[]): void {
  let slot = 0;
  for (const value of values) {
    if (typeof value === 'number') block[slot] = value;
    else if (typeof value === 'boolean') block[slot] = value ? 1 : 0;
    else block[slot] = value ? byteOffset(value) : -1;
    slot += 1;
  }
}

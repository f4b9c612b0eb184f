/**
 * The op contract: every op with its typed arguments and everything that is known about it without running it.
 * An engine that lacks a kernel for one of these does not compile.
 */
import type { Tensor } from '../tensor.js';
import * as activations from './activation.js';
import { type AdafactorDirectionArgs, adafactorDirection } from './adafactor.js';
import { type Adam8bitDirectionArgs, adam8bitDirection } from './adam-8bit.js';
import { type AdamMiniDirectionArgs, adamMiniDirection } from './adam-mini.js';
import * as attentionOps from './attention.js';
import * as biases from './bias.js';
import * as channels from './channel-scale.js';
import * as dropouts from './dropout.js';
import * as elementwise from './elementwise.js';
import * as embeddingOps from './embedding.js';
import * as fast from './fast-projection.js';
import { type GemmArgs, gemm } from './gemm.js';
import * as layerNorms from './layer-norm.js';
import * as loss from './loss.js';
import { type NormalizeArgs, normalize } from './normalize.js';
import * as optimizer from './optimizer.js';
import * as products from './products.js';
import * as quantizeOps from './quantize.js';
import * as randomOps from './random.js';
import * as norm from './rms-norm.js';
import { type RopeArgs, rope } from './rope.js';
import { type SingularVectorsArgs, singularVectors } from './singular-vectors.js';
import type { OpSpec } from './spec.js';
import { type SquaredErrorArgs, squaredError } from './squared-error.js';
import * as stepSlope from './step-slope.js';
import * as subtoken from './subtoken.js';
import * as swigluOps from './swiglu.js';

export interface OpArgs {
  readonly gemm: GemmArgs;
  readonly embedding: embeddingOps.EmbeddingArgs;
  readonly embeddingBackward: embeddingOps.EmbeddingBackwardArgs;
  readonly rmsNorm: norm.RmsNormArgs;
  readonly rmsNormBackward: norm.RmsNormBackwardArgs;
  readonly rope: RopeArgs;
  readonly attention: attentionOps.AttentionArgs;
  readonly attentionBackward: attentionOps.AttentionBackwardArgs;
  readonly swiglu: swigluOps.SwigluArgs;
  readonly swigluBackward: swigluOps.SwigluBackwardArgs;
  readonly logSoftmax: loss.LogSoftmaxArgs;
  readonly nllLoss: loss.NllLossArgs;
  readonly nllLossBackward: loss.NllLossBackwardArgs;
  readonly crossEntropy: loss.CrossEntropyArgs;
  readonly fill: elementwise.FillArgs;
  readonly copy: elementwise.CopyArgs;
  readonly add: elementwise.AddArgs;
  readonly scale: elementwise.ScaleArgs;
  readonly axpby: elementwise.AxpbyArgs;
  readonly adamW: optimizer.AdamWArgs;
  readonly adamDirection: optimizer.AdamDirectionArgs;
  readonly adam8bitDirection: Adam8bitDirectionArgs;
  readonly adamMiniDirection: AdamMiniDirectionArgs;
  readonly adafactorDirection: AdafactorDirectionArgs;
  readonly normalize: NormalizeArgs;
  readonly squaredNorm: optimizer.SquaredNormArgs;
  readonly clipFactor: optimizer.ClipFactorArgs;
  readonly random: randomOps.RandomArgs;
  readonly orthonormalize: randomOps.OrthonormalizeArgs;
  readonly quantize: quantizeOps.QuantizeArgs;
  readonly dequantize: quantizeOps.DequantizeArgs;
  readonly slopeCodes: stepSlope.SlopeCodesArgs;
  readonly slopeBackward: stepSlope.SlopeBackwardArgs;
  readonly silu: swigluOps.SiluArgs;
  readonly multiply: products.MultiplyArgs;
  readonly scaleColumns: products.ScaleColumnsArgs;
  readonly subtokenDirection: subtoken.SubtokenDirectionArgs;
  readonly subtokenProject: subtoken.SubtokenProjectArgs;
  readonly subtokenExpand: subtoken.SubtokenExpandArgs;
  readonly fastMatrix: fast.FastMatrixArgs;
  readonly fastProject: fast.FastProjectArgs;
  readonly fastExpand: fast.FastExpandArgs;
  readonly singularVectors: SingularVectorsArgs;
  readonly channelScale: channels.ChannelScaleArgs;
  readonly limitGrowth: channels.LimitGrowthArgs;
  readonly layerNorm: layerNorms.LayerNormArgs;
  readonly layerNormBackward: layerNorms.LayerNormBackwardArgs;
  readonly gelu: activations.GeluArgs;
  readonly geluBackward: activations.GeluBackwardArgs;
  readonly tanh: activations.TanhArgs;
  readonly tanhBackward: activations.TanhBackwardArgs;
  readonly addBias: biases.AddBiasArgs;
  readonly columnSum: biases.ColumnSumArgs;
  readonly dropout: dropouts.DropoutArgs;
  readonly dropoutBackward: dropouts.DropoutBackwardArgs;
  readonly squaredError: SquaredErrorArgs;
}

export type OpName = keyof OpArgs;

export const ops: { readonly [K in OpName]: OpSpec<OpArgs[K]> } = {
  gemm,
  embedding: embeddingOps.embedding,
  embeddingBackward: embeddingOps.embeddingBackward,
  rmsNorm: norm.rmsNorm,
  rmsNormBackward: norm.rmsNormBackward,
  rope,
  attention: attentionOps.attention,
  attentionBackward: attentionOps.attentionBackward,
  swiglu: swigluOps.swiglu,
  swigluBackward: swigluOps.swigluBackward,
  logSoftmax: loss.logSoftmax,
  nllLoss: loss.nllLoss,
  nllLossBackward: loss.nllLossBackward,
  crossEntropy: loss.crossEntropy,
  fill: elementwise.fill,
  copy: elementwise.copy,
  add: elementwise.add,
  scale: elementwise.scale,
  axpby: elementwise.axpby,
  adamW: optimizer.adamW,
  adamDirection: optimizer.adamDirection,
  adam8bitDirection,
  adamMiniDirection,
  adafactorDirection,
  normalize,
  squaredNorm: optimizer.squaredNorm,
  clipFactor: optimizer.clipFactor,
  random: randomOps.random,
  orthonormalize: randomOps.orthonormalize,
  quantize: quantizeOps.quantize,
  dequantize: quantizeOps.dequantize,
  slopeCodes: stepSlope.slopeCodes,
  slopeBackward: stepSlope.slopeBackward,
  silu: swigluOps.silu,
  multiply: products.multiply,
  scaleColumns: products.scaleColumns,
  subtokenDirection: subtoken.subtokenDirection,
  subtokenProject: subtoken.subtokenProject,
  subtokenExpand: subtoken.subtokenExpand,
  fastMatrix: fast.fastMatrix,
  fastProject: fast.fastProject,
  fastExpand: fast.fastExpand,
  singularVectors,
  channelScale: channels.channelScale,
  limitGrowth: channels.limitGrowth,
  layerNorm: layerNorms.layerNorm,
  layerNormBackward: layerNorms.layerNormBackward,
  gelu: activations.gelu,
  geluBackward: activations.geluBackward,
  tanh: activations.tanh,
  tanhBackward: activations.tanhBackward,
  addBias: biases.addBias,
  columnSum: biases.columnSum,
  dropout: dropouts.dropout,
  dropoutBackward: dropouts.dropoutBackward,
  squaredError,
};

export const opNames = Object.keys(ops) as readonly OpName[];

/** One kernel per op. `scratch` is an f32 tensor of at least the bytes that the op's spec asks for, if any. */
export type Kernels = {
  readonly [K in OpName]: (args: OpArgs[K], scratch: Tensor | undefined) => void;
};

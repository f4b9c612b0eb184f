import type { OpName } from '../../src/engine/index.js';
import { attentionBackwardCases, attentionCases } from './cases/attention.js';
import {
  addCases,
  axpbyCases,
  copyCases,
  fillCases,
  multiplyCases,
  scaleCases,
  scaleColumnsCases,
  siluCases,
  swigluBackwardCases,
  swigluCases,
} from './cases/elementwise.js';
import {
  addBiasCases,
  columnSumCases,
  dropoutBackwardCases,
  dropoutCases,
  geluBackwardCases,
  geluCases,
  layerNormBackwardCases,
  layerNormCases,
  squaredErrorCases,
  tanhBackwardCases,
  tanhCases,
} from './cases/encoder.js';
import { fastExpandCases, fastMatrixCases, fastProjectCases } from './cases/fast-projection.js';
import { gemmCases } from './cases/gemm.js';
import { crossEntropyCases, logSoftmaxCases, nllLossBackwardCases, nllLossCases } from './cases/loss.js';
import { rmsNormBackwardCases, rmsNormCases } from './cases/norms.js';
import { adamDirectionCases, adamWCases, clipFactorCases, squaredNormCases } from './cases/optimizer.js';
import {
  adafactorDirectionCases,
  adam8bitDirectionCases,
  adamMiniDirectionCases,
  normalizeCases,
} from './cases/optimizer-states.js';
import { dequantizeCases, quantizeCases, slopeBackwardCases, slopeCodesCases } from './cases/quantize.js';
import { orthonormalizeCases, randomCases } from './cases/random.js';
import { channelScaleCases, limitGrowthCases, singularVectorsCases } from './cases/subspace.js';
import { subtokenDirectionCases, subtokenExpandCases, subtokenProjectCases } from './cases/subtoken.js';
import { embeddingBackwardCases, embeddingCases, ropeCases } from './cases/tables.js';
import type { OpCases } from './op-case.js';
import { withStoredTypes } from './stored-types.js';

/** One description per op. An op without cases does not compile. */
const declaredCases: { readonly [K in OpName]: OpCases<K> } = {
  gemm: gemmCases,
  embedding: embeddingCases,
  embeddingBackward: embeddingBackwardCases,
  rmsNorm: rmsNormCases,
  rmsNormBackward: rmsNormBackwardCases,
  rope: ropeCases,
  attention: attentionCases,
  attentionBackward: attentionBackwardCases,
  swiglu: swigluCases,
  swigluBackward: swigluBackwardCases,
  logSoftmax: logSoftmaxCases,
  nllLoss: nllLossCases,
  nllLossBackward: nllLossBackwardCases,
  crossEntropy: crossEntropyCases,
  fill: fillCases,
  copy: copyCases,
  add: addCases,
  scale: scaleCases,
  axpby: axpbyCases,
  adamW: adamWCases,
  adamDirection: adamDirectionCases,
  adam8bitDirection: adam8bitDirectionCases,
  adamMiniDirection: adamMiniDirectionCases,
  adafactorDirection: adafactorDirectionCases,
  normalize: normalizeCases,
  squaredNorm: squaredNormCases,
  clipFactor: clipFactorCases,
  random: randomCases,
  orthonormalize: orthonormalizeCases,
  quantize: quantizeCases,
  dequantize: dequantizeCases,
  slopeCodes: slopeCodesCases,
  slopeBackward: slopeBackwardCases,
  silu: siluCases,
  multiply: multiplyCases,
  scaleColumns: scaleColumnsCases,
  subtokenDirection: subtokenDirectionCases,
  subtokenProject: subtokenProjectCases,
  subtokenExpand: subtokenExpandCases,
  fastMatrix: fastMatrixCases,
  fastProject: fastProjectCases,
  fastExpand: fastExpandCases,
  singularVectors: singularVectorsCases,
  channelScale: channelScaleCases,
  limitGrowth: limitGrowthCases,
  layerNorm: layerNormCases,
  layerNormBackward: layerNormBackwardCases,
  gelu: geluCases,
  geluBackward: geluBackwardCases,
  tanh: tanhCases,
  tanhBackward: tanhBackwardCases,
  addBias: addBiasCases,
  columnSum: columnSumCases,
  dropout: dropoutCases,
  dropoutBackward: dropoutBackwardCases,
  squaredError: squaredErrorCases,
};

/** What every suite runs: the cases above, and the same with tensors in bf16. */
export const contractCases = withStoredTypes(declaredCases);

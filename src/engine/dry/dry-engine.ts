import type { Kernels } from '../contract/index.js';
import { type Backend, Engine } from '../engine.js';
import { sizeOf, type Tensor } from '../tensor.js';

/**
 * The planner's engine: computes nothing, counts everything. It runs the same code path as a real engine, so its ledger's
 * peak, its lifetimes and its flops are those of the real run. Reads give zeros.
 *
 * @param threads threads of the engine whose run is predicted; kernels' scratch depends on it
 */
export function createDryEngine({ threads }: { threads: number }): Engine {
  const backend: Backend = {
    name: 'dry',
    threads,
    kernels,
    // Places are found from the recorded lifetimes, afterwards.
    allocate: () => 0,
    release: () => {},
    write: () => {},
    read: async (tensor: Tensor) => {
      const length = sizeOf(tensor.shape);
      if (tensor.dtype === 'i32') return new Int32Array(length);
      return tensor.dtype === 'u8' ? new Uint8Array(length) : new Float32Array(length);
    },
    openSpill: () => ({ write: () => 0, read: () => 0, wait: () => {}, close: () => {} }),
    dispose: () => {},
  };
  return new Engine(backend);
}

const nothing = () => {};

const kernels: Kernels = {
  gemm: nothing,
  embedding: nothing,
  embeddingBackward: nothing,
  rmsNorm: nothing,
  rmsNormBackward: nothing,
  rope: nothing,
  attention: nothing,
  attentionBackward: nothing,
  swiglu: nothing,
  swigluBackward: nothing,
  logSoftmax: nothing,
  nllLoss: nothing,
  nllLossBackward: nothing,
  crossEntropy: nothing,
  fill: nothing,
  copy: nothing,
  add: nothing,
  scale: nothing,
  axpby: nothing,
  adamW: nothing,
  adamDirection: nothing,
  adam8bitDirection: nothing,
  adamMiniDirection: nothing,
  adafactorDirection: nothing,
  normalize: nothing,
  squaredNorm: nothing,
  clipFactor: nothing,
  random: nothing,
  orthonormalize: nothing,
  quantize: nothing,
  dequantize: nothing,
  slopeCodes: nothing,
  slopeBackward: nothing,
  silu: nothing,
  multiply: nothing,
  scaleColumns: nothing,
  subtokenDirection: nothing,
  subtokenProject: nothing,
  subtokenExpand: nothing,
  fastMatrix: nothing,
  fastProject: nothing,
  fastExpand: nothing,
  singularVectors: nothing,
  channelScale: nothing,
  limitGrowth: nothing,
  layerNorm: nothing,
  layerNormBackward: nothing,
  gelu: nothing,
  geluBackward: nothing,
  tanh: nothing,
  tanhBackward: nothing,
  addBias: nothing,
  columnSum: nothing,
  dropout: nothing,
  dropoutBackward: nothing,
  squaredError: nothing,
};

import type { Kernels } from '../contract/index.js';
import type { Numbers } from '../dtype.js';
import { type Backend, Engine } from '../engine.js';
import type { SpillDevice } from '../spill.js';
import { gelu, geluBackward, tanh, tanhBackward } from './activation.js';
import { adafactorDirection } from './adafactor.js';
import { adam8bitDirection } from './adam-8bit.js';
import { adamMiniDirection } from './adam-mini.js';
import { attention, attentionBackward } from './attention.js';
import { addBias, columnSum } from './bias.js';
import { channelScale, limitGrowth } from './channel-scale.js';
import { dropout, dropoutBackward } from './dropout.js';
import { add, axpby, copy, fill, normalize, scale } from './elementwise.js';
import { embedding, embeddingBackward } from './embedding.js';
import { fastExpand, fastMatrix, fastProject } from './fast-projection.js';
import { gemm } from './gemm.js';
import { layerNorm, layerNormBackward } from './layer-norm.js';
import { crossEntropy, logSoftmax, nllLoss, nllLossBackward } from './loss.js';
import { ReferenceMemory } from './memory.js';
import { adamDirection, adamW, clipFactor, squaredNorm } from './optimizer.js';
import { multiply, scaleColumns } from './products.js';
import { dequantize, quantize } from './quantize.js';
import { orthonormalize, random } from './random.js';
import { rmsNorm, rmsNormBackward } from './rms-norm.js';
import { rope } from './rope.js';
import { singularVectors } from './singular-vectors.js';
import { squaredError } from './squared-error.js';
import { slopeBackward, slopeCodes } from './step-slope.js';
import { subtokenDirection, subtokenExpand, subtokenProject } from './subtoken.js';
import { silu, swiglu, swigluBackward } from './swiglu.js';

/**
 * The oracle: every op as its formula in plain TypeScript and float64. Slow, runs anywhere, and is what other engines are
 * compared with.
 *
 * @param threads threads of the engine it stands in for; only the scratch that the ledger counts depends on it
 */
export function createReferenceEngine({ threads = 1 }: { readonly threads?: number } = {}): Engine {
  return new Engine(createReferenceBackend(threads));
}

/** What the engine is made of, for tests that put something else in the place of a part. */
export function createReferenceBackend(threads: number): Backend {
  const memory = new ReferenceMemory();
  return {
    name: 'reference',
    threads,
    kernels: bindKernels(memory),
    // Kernels compute in float64 and know nothing of bf16: its one rounding comes after them.
    stored: (tensor) => memory.round(tensor),
    allocate: (bytes, dtype) => memory.allocate(bytes, dtype),
    release: (address) => memory.release(address),
    write: (tensor, values) => memory.write(tensor, values),
    read: async (tensor) => memory.read(tensor),
    openSpill: () => openReferenceSpill(memory),
    dispose: () => memory.clear(),
  };
}

/** The slower tier as copies of the values, made at once. */
function openReferenceSpill(memory: ReferenceMemory): SpillDevice {
  const places = new Map<number, Numbers>();
  return {
    write(tensor, at) {
      places.set(at, memory.read(tensor));
      return 0;
    },
    read(tensor, at) {
      const values = places.get(at);
      if (!values) throw new RangeError(`nothing was moved to ${at}`);
      memory.write(tensor, values);
      return 0;
    },
    wait: () => {},
    close: () => places.clear(),
  };
}

/** The kernels on one memory. None uses the scratch it is given: that is for kernels that pack and run on threads. */
function bindKernels(memory: ReferenceMemory): Kernels {
  return {
    gemm: (args) => gemm(memory, args),
    embedding: (args) => embedding(memory, args),
    embeddingBackward: (args) => embeddingBackward(memory, args),
    rmsNorm: (args) => rmsNorm(memory, args),
    rmsNormBackward: (args) => rmsNormBackward(memory, args),
    rope: (args) => rope(memory, args),
    attention: (args) => attention(memory, args),
    attentionBackward: (args) => attentionBackward(memory, args),
    swiglu: (args) => swiglu(memory, args),
    swigluBackward: (args) => swigluBackward(memory, args),
    logSoftmax: (args) => logSoftmax(memory, args),
    nllLoss: (args) => nllLoss(memory, args),
    nllLossBackward: (args) => nllLossBackward(memory, args),
    crossEntropy: (args) => crossEntropy(memory, args),
    fill: (args) => fill(memory, args),
    copy: (args) => copy(memory, args),
    add: (args) => add(memory, args),
    scale: (args) => scale(memory, args),
    axpby: (args) => axpby(memory, args),
    adamW: (args) => adamW(memory, args),
    adamDirection: (args) => adamDirection(memory, args),
    adam8bitDirection: (args) => adam8bitDirection(memory, args),
    adamMiniDirection: (args) => adamMiniDirection(memory, args),
    adafactorDirection: (args) => adafactorDirection(memory, args),
    normalize: (args) => normalize(memory, args),
    squaredNorm: (args) => squaredNorm(memory, args),
    clipFactor: (args) => clipFactor(memory, args),
    random: (args) => random(memory, args),
    orthonormalize: (args) => orthonormalize(memory, args),
    quantize: (args) => quantize(memory, args),
    dequantize: (args) => dequantize(memory, args),
    slopeCodes: (args) => slopeCodes(memory, args),
    slopeBackward: (args) => slopeBackward(memory, args),
    silu: (args) => silu(memory, args),
    multiply: (args) => multiply(memory, args),
    scaleColumns: (args) => scaleColumns(memory, args),
    subtokenDirection: (args) => subtokenDirection(memory, args),
    subtokenProject: (args) => subtokenProject(memory, args),
    subtokenExpand: (args) => subtokenExpand(memory, args),
    fastMatrix: (args) => fastMatrix(memory, args),
    fastProject: (args) => fastProject(memory, args),
    fastExpand: (args) => fastExpand(memory, args),
    singularVectors: (args) => singularVectors(memory, args),
    channelScale: (args) => channelScale(memory, args),
    limitGrowth: (args) => limitGrowth(memory, args),
    layerNorm: (args) => layerNorm(memory, args),
    layerNormBackward: (args) => layerNormBackward(memory, args),
    gelu: (args) => gelu(memory, args),
    geluBackward: (args) => geluBackward(memory, args),
    tanh: (args) => tanh(memory, args),
    tanhBackward: (args) => tanhBackward(memory, args),
    addBias: (args) => addBias(memory, args),
    columnSum: (args) => columnSum(memory, args),
    dropout: (args) => dropout(memory, args),
    dropoutBackward: (args) => dropoutBackward(memory, args),
    squaredError: (args) => squaredError(memory, args),
  };
}

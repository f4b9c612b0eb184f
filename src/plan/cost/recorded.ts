import type { KernelRate, KernelRates } from './rates.js';

const gigaFlops = (rate: number): KernelRate => ({ perFlop: 1e-9 / rate, perByte: 0 });
const gigaBytes = (rate: number): KernelRate => ({ perFlop: 0, perByte: 1e-9 / rate });

/**
 * Rates of two threads of an AMD EPYC (Zen 5) with AVX-512: what a plan is priced by where nothing was measured. Which of
 * two plans is cheaper depends on the ratios between them, which vary less than speeds do.
 */
export const recordedRates: KernelRates = {
  machine: 'AMD EPYC (Zen 5), avx512, 2 threads, as recorded',
  rates: {
    gemm: { perFlop: 1e-9 / 210, perByte: 1e-9 / 60 },
    'gemm.bf16': { perFlop: 1e-9 / 420, perByte: 1e-9 / 60 },
    attention: gigaFlops(110),
    attentionBackward: gigaFlops(105),
    add: gigaBytes(25),
    adamDirection: gigaBytes(25),
    adamW: gigaBytes(25),
    copy: gigaBytes(25),
    crossEntropy: gigaBytes(10),
    embedding: gigaBytes(13),
    embeddingBackward: gigaBytes(25),
    fill: gigaBytes(12),
    logSoftmax: gigaBytes(9),
    nllLoss: gigaBytes(200),
    nllLossBackward: gigaBytes(22),
    random: gigaBytes(2.5),
    rmsNorm: gigaBytes(25),
    rmsNormBackward: gigaBytes(25),
    rope: gigaBytes(25),
    scale: gigaBytes(25),
    squaredNorm: gigaBytes(25),
    swiglu: gigaBytes(25),
    swigluBackward: gigaBytes(25),
  },
};

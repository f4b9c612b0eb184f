import type { KernelRate, KernelRates } from './rates.js';

const gigaFlops = (rate: number): KernelRate => ({ perFlop: 1e-9 / rate, perByte: 0 });
const gigaBytes = (rate: number): KernelRate => ({ perFlop: 0, perByte: 1e-9 / rate });

/**
 * Rates of two threads of an AMD EPYC (Zen 5) with AVX-512 and bf16, medians of three `compact bench rates`: what a plan is
 * priced by where nothing was measured. Which of two plans is cheaper depends on the ratios between them, which vary less
 * than speeds do.
 */
export const recordedRates: KernelRates = {
  machine: 'AMD EPYC (Zen 5), avx512bf16, 2 threads, as recorded',
  rates: {
    adamDirection: gigaBytes(34),
    'adamDirection.bf16': gigaBytes(33),
    adamW: gigaBytes(51),
    'adamW.bf16': gigaBytes(52),
    add: gigaBytes(38),
    attention: gigaFlops(116),
    'attention.bf16': gigaFlops(193),
    attentionBackward: gigaFlops(127),
    'attentionBackward.bf16': gigaFlops(219),
    axpby: gigaBytes(60),
    'axpby.bf16': gigaBytes(32),
    copy: gigaBytes(38),
    crossEntropy: gigaBytes(22),
    'crossEntropy.bf16': gigaBytes(17),
    embedding: gigaBytes(12),
    'embedding.bf16': gigaBytes(9.5),
    embeddingBackward: gigaBytes(26),
    'embeddingBackward.bf16': gigaBytes(22),
    fill: gigaBytes(17),
    'fill.bf16': gigaBytes(21),
    gemm: { perFlop: 1e-9 / 228, perByte: 1e-9 / 20 },
    'gemm.bf16': { perFlop: 1e-9 / 436, perByte: 1e-9 / 29 },
    logSoftmax: gigaBytes(21),
    'logSoftmax.bf16': gigaBytes(16),
    nllLoss: gigaBytes(415),
    'nllLoss.bf16': gigaBytes(268),
    nllLossBackward: gigaBytes(31),
    'nllLossBackward.bf16': gigaBytes(23),
    random: gigaBytes(3.4),
    'random.bf16': gigaBytes(1.9),
    rmsNorm: gigaBytes(18),
    'rmsNorm.bf16': gigaBytes(17),
    rmsNormBackward: gigaBytes(25),
    'rmsNormBackward.bf16': gigaBytes(20),
    rope: gigaBytes(29),
    'rope.bf16': gigaBytes(25),
    scale: gigaBytes(38),
    squaredNorm: gigaBytes(32),
    'squaredNorm.bf16': gigaBytes(34),
    swiglu: gigaBytes(28),
    'swiglu.bf16': gigaBytes(22),
    swigluBackward: gigaBytes(32),
    'swigluBackward.bf16': gigaBytes(31),
  },
};

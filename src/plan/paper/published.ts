import type { PresetName } from '../../models/index.js';

// Figures of CompAct's paper (Shamshoum et al., arXiv 2410.15352), in its units: its "GB" are GiB.

/** Setting of the pre-training tables: 128 sequences of 256 tokens per micro-batch, 512 sequences per step, all in bf16. */
export const pretraining = { batch: 128, sequenceLength: 256, accumulate: 4 } as const;

export const paperMethods = ['full', 'galore', 'compact n/2', 'compact n/4', 'compact n/8'] as const;
export type PaperMethod = (typeof paperMethods)[number];

export const paperModels = ['llama-60m', 'llama-130m', 'llama-350m', 'llama-1b'] as const satisfies PresetName[];
export type PaperModel = (typeof paperModels)[number];

/** Table 2: peak memory; null where the run did not fit the paper's device. */
export const table2: { readonly [M in PaperModel]: { readonly [P in PaperMethod]: number | null } } = {
  'llama-60m': { full: 11.59, galore: 11.56, 'compact n/2': 11.32, 'compact n/4': 10.8, 'compact n/8': 10.54 },
  'llama-130m': { full: 18.66, galore: 18.48, 'compact n/2': 17.97, 'compact n/4': 16.78, 'compact n/8': 16.19 },
  'llama-350m': { full: 39.97, galore: 39.24, 'compact n/2': 37.94, 'compact n/4': 34.71, 'compact n/8': 33.03 },
  'llama-1b': { full: null, galore: 75.4, 'compact n/2': 72.82, 'compact n/4': 65.57, 'compact n/8': 61.88 },
};

/** GaLore's ranks in Table 2. */
export const galoreRanks: { readonly [M in PaperModel]: number } = {
  'llama-60m': 128,
  'llama-130m': 256,
  'llama-350m': 256,
  'llama-1b': 512,
};

export const components = ['weights', 'gradients', 'optimizer', 'linear activations', 'peak'] as const;
export type Component = (typeof components)[number];
export type Table3Method = 'full' | 'galore' | 'compact n/4';

/**
 * Table 3: where the bytes of the 350M model are. All but the peak were estimated by its authors, from a nominal count of
 * 350 million parameters and, for CompAct, with the output projection compressed as well.
 */
export const table3: { readonly [M in Table3Method]: { readonly [C in Component]: number } } = {
  full: { weights: 0.65, gradients: 0.65, optimizer: 1.3, 'linear activations': 7.0, peak: 39.97 },
  galore: { weights: 0.65, gradients: 0.65, optimizer: 0.54, 'linear activations': 7.0, peak: 39.21 },
  'compact n/4': { weights: 0.65, gradients: 0.26, optimizer: 0.52, 'linear activations': 2.87, peak: 34.71 },
};

/** Setting of Table 4's memory: RoBERTa-base in f32, 16 padded rows of 512 tokens. */
export const fineTuning = { batch: 16, sequenceLength: 512, accumulate: 1 } as const;

/** Table 4: peak memory of fine-tuning in MB, which are MiB. */
export const table4 = {
  full: 6298,
  'galore r=4': 5816,
  'compact r=4': 3092,
  'galore r=8': 5819,
  'compact r=8': 3102,
} as const;
export type Table4Method = keyof typeof table4;

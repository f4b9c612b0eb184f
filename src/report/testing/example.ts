import type { Role } from '../../engine/index.js';
import { makePlan } from '../../plan/index.js';
import type { CompareSummary, RunSummary } from '../summary.js';

const mebibyte = 2 ** 20;
const steps = 500;

/** What tells the example's runs apart. */
interface Traits {
  readonly name: string;
  readonly mebibytes: Partial<Record<Role, number>>;
  readonly finalLoss: number;
  readonly secondsPerStep: number;
  readonly gigaflops: number;
  readonly story: string;
}

const traits: readonly Traits[] = [
  {
    name: 'full',
    mebibytes: {
      weight: 46.3,
      optimizer: 92.6,
      gradient: 11.4,
      saved: 396.2,
      activation: 125.4,
      workspace: 8.1,
      data: 0.5,
    },
    finalLoss: 2.131,
    secondsPerStep: 0.212,
    gigaflops: 168.4,
    story:
      ' there was a little girl named Lily. She loved to play outside in the sunshine. One day, she saw a big red ball in the park.\n\n"Can I play with it?" she asked. Her mom smiled and said, "Yes, but be careful!" Lily was very happy.',
  },
  {
    name: 'lean',
    mebibytes: {
      weight: 46.3,
      optimizer: 92.6,
      gradient: 11.4,
      saved: 171.8,
      activation: 38.2,
      workspace: 9.4,
      data: 0.5,
    },
    finalLoss: 2.131,
    secondsPerStep: 0.198,
    gigaflops: 168.4,
    story:
      ' there was a little girl named Lily. She loved to play outside in the sunshine. One day, she saw a big red ball in the park.\n\n"Can I play with it?" she asked. Her mom smiled and said, "Yes, but be careful!" Lily was very happy.',
  },
  {
    name: 'compact',
    mebibytes: {
      weight: 46.3,
      optimizer: 66.1,
      gradient: 9.2,
      saved: 158.4,
      activation: 38.2,
      projection: 2.8,
      workspace: 9.9,
      data: 0.5,
    },
    finalLoss: 2.204,
    secondsPerStep: 0.171,
    gigaflops: 139.7,
    story:
      ' there was a boy named Tom. Tom had a toy car that he liked very much. He went to the park with his mom and saw a dog. The dog was sad.\n\n"Why are you sad?" asked Tom. The dog looked at the tree. Tom helped the dog, and they became friends.',
  },
];

/** Numbers between −1 and 1 that look random and are always the same. */
function wobble(seed: number): number {
  const value = Math.sin(seed * 12.9898) * 43758.5453;
  return 2 * (value - Math.floor(value)) - 1;
}

function exampleRun(
  { name, mebibytes, finalLoss, secondsPerStep, gigaflops, story }: Traits,
  seed: number,
): RunSummary {
  const floor = finalLoss - 0.02;
  const trend = (step: number) => floor + (9.4 - floor) * Math.exp(-step / 16) * 0.62 + (2.9 * 9) / (step + 9) ** 1.02;
  const offset = trend(steps) - finalLoss;
  const smooth = (step: number) => trend(step) - (offset * step) / steps;
  const byRole = Object.fromEntries(
    Object.entries(mebibytes).map(([role, size]) => [role, Math.round(size * mebibyte)]),
  ) satisfies Partial<Record<Role, number>>;
  const peak = Object.values(byRole).reduce((sum, bytes) => sum + bytes, 0);
  const base = 92 * mebibyte;
  const validation = [1, 2, 3, 4, 5].map((part) => ({
    step: part * 100,
    loss: smooth(part * 100) + 0.012 * wobble(part),
  }));
  const losses = Array.from({ length: steps }, (_, index) => smooth(index + 1) + 0.16 * wobble(index + 1));
  return {
    name,
    model: {
      name: 'llama-9m',
      parameters: 12_137_472,
      layers: 4,
      hiddenSize: 256,
      intermediateSize: 688,
      heads: 4,
      keyValueHeads: 4,
      vocabSize: 4096,
    },
    methods: [name],
    steps,
    tokens: steps * 8 * 256,
    loss: losses[steps - 1],
    valLoss: validation[4].loss,
    seconds: steps * secondsPerStep + 4.1,
    tokensPerSecond: (8 * 256) / secondsPerStep,
    memory: {
      predicted: { peak, byRole },
      measured: { peak, byRole },
      savedPeak: Math.round((mebibytes.saved ?? 0) * mebibyte),
      rss: { base, peak: base + Math.round(peak * 1.035) },
    },
    flopsPerStep: gigaflops * 1e9,
    losses,
    learningRates: Array.from({ length: steps }, (_, t) =>
      t < 50 ? (0.003 * (t + 1)) / 50 : 0.003 * (0.1 + 0.45 * (1 + Math.cos((Math.PI * (t - 50)) / (steps - 51)))),
    ),
    stepSeconds: Array.from({ length: steps }, (_, index) => secondsPerStep * (1 + 0.05 * wobble(seed + index))),
    validation,
    plan: makePlan([name], { layers: 4 }),
    largestBlocks: [
      { name: 'logits', role: 'activation', bytes: 32 * mebibyte },
      { name: 'layers.0.mlp.gate', role: 'saved', bytes: 5.375 * mebibyte },
      { name: 'embed_tokens.weight.first', role: 'optimizer', bytes: 4 * mebibyte },
    ],
    story: { prompt: 'Once upon a time', text: story },
  };
}

/** Three runs of 500 steps with plausible numbers, for tests and for looking at a report. */
export function exampleComparison(): CompareSummary {
  return {
    title: 'Example with invented numbers',
    settings: {
      model: 'llama-9m',
      parameters: 12_137_472,
      data: 'demo/tinystories.txt.br',
      batch: 8,
      sequenceLength: 256,
      steps,
      threads: 2,
      engine: 'native',
      instructionSet: 'avx512',
      machine: 'AMD EPYC 7B13, 2 cores, 7.7 GiB, Linux 6.1',
      options: { tokenizer: 'demo/tokenizer.json', lr: 0.003, schedule: 'cosine', warmup: 50, clip: 1, seed: 0 },
    },
    runs: traits.map(exampleRun),
  };
}

/** The example's last run by itself. */
export function exampleSingleRun(): RunSummary {
  const { settings, runs } = exampleComparison();
  return { ...runs[2], settings };
}

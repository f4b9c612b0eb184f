import { afterEach, describe, expect, it, vi } from 'vitest';
import { Trainer } from '../src/train/index.js';
import { tinyBert, tinyGpt2 } from './support/tiny.js';
import {
  nativeMissing,
  nativeTitle,
  runAll,
  shaped,
  type TinySettings,
  tiersHere,
  tinyData,
  tinySettings,
  weightsOf,
} from './support/training.js';

/** Widths and lengths that no block, tile or vector of the kernels divides, and more rows than one block has. */
const config = shaped({
  hiddenSize: 72,
  intermediateSize: 205,
  numAttentionHeads: 6,
  numKeyValueHeads: 3,
  vocabSize: 331,
  numHiddenLayers: 1,
});

const runs: [string, TinySettings][] = [
  ['lean', { methods: 'lean' }],
  ['full', { methods: 'full' }],
  ['compact', { methods: 'compact' }],
  ['compact with orthonormal projections', { methods: 'compact', options: { projection: 'orthonormal' } }],
  ['compact with rademacher projections', { methods: 'compact', options: { projection: 'rademacher' } }],
  ['compact with sparse projections', { methods: 'compact', options: { projection: 'sparse' } }],
  ['compact with srht projections', { methods: 'compact', options: { projection: 'srht' } }],
  ['compact-shared with clipping', { methods: 'compact-shared', clip: 0.5 }],
  ['galore', { methods: 'galore', options: { updateGap: 2 } }],
  ['apollo', { methods: 'apollo', clip: 0.5 }],
  ['apollo-mini', { methods: 'apollo-mini' }],
  ['compact-plus', { methods: 'compact-plus' }],
  ['compact with a staggered refresh', { methods: 'compact', options: { refresh: 'staggered' } }],
  ['prac', { methods: 'prac', options: { updateGap: 2 } }],
  ['compact with transported moments', { methods: 'compact', options: { moments: 'transport' } }],
  ['checkpoint', { methods: 'checkpoint' }],
  ['lean with clipping', { methods: 'lean', clip: 0.5 }],
  ['lean with two micro-batches', { methods: 'lean', accumulate: 2 }],
  ['mesa', { methods: 'mesa' }],
  ['mesa in 2 bits, velora and approxbp', { methods: 'mesa,velora,approxbp', options: { bits: 2, groups: 9 } }],
  ['token-sketch', { methods: 'token-sketch' }],
  ['msnorm', { methods: 'msnorm' }],
  ['bf16', { methods: 'lean', options: { dtype: 'bf16', momentDtype: 'bf16' }, clip: 0.5 }],
  ['bf16 and compact', { methods: 'compact', options: { dtype: 'bf16' } }],
  ['bf16, mesa, velora and approxbp', { methods: 'mesa,velora,approxbp', options: { dtype: 'bf16', groups: 9 } }],
  ['bf16 and galore', { methods: 'galore', options: { dtype: 'bf16', updateGap: 2 } }],
  ['bf16 and apollo', { methods: 'apollo', options: { dtype: 'bf16' }, clip: 0.5 }],
  ['bf16 and prac', { methods: 'prac', options: { dtype: 'bf16', updateGap: 2 } }],
  ['an encoder in bf16', { methods: 'full', config: tinyBert, sequenceLength: 64, options: { dtype: 'bf16' } }],
  ['a GPT-2 in bf16', { methods: 'lean', config: tinyGpt2, sequenceLength: 64, options: { dtype: 'bf16' } }],
  ['compact with fused-update', { methods: 'compact,fused-update' }],
];

/** Losses and weights after five steps, with projections made anew in between. */
async function train(given: TinySettings, threads: number) {
  const options = { ...given.options, ...(given.methods?.includes('compact') && { updateGap: 2 }) };
  const settings = tinySettings({ config, batch: 3, sequenceLength: 101, steps: 5, ...given, options });
  await using trainer = await Trainer.open({ settings, data: tinyData(settings), engine: 'native', threads });
  const losses = (await runAll(trainer)).map(({ loss }) => loss);
  return { losses, weights: await weightsOf(trainer) };
}

type Trained = Awaited<ReturnType<typeof train>>;

function expectSameBits(a: Trained, b: Trained, where: string) {
  expect(a.losses, where).toEqual(b.losses);
  for (const [name, weight] of b.weights) expect(a.weights.get(name), `${where}: ${name}`).toEqual(weight);
}

afterEach(() => vi.unstubAllEnvs());

describe.skipIf(nativeMissing)(nativeTitle('a training run has the same bits'), () => {
  it.each(runs)('on 1, 2 and 3 threads: %s', async (_, given) => {
    const one = await train(given, 1);
    expect(one.losses.every(Number.isFinite)).toBe(true);
    for (const threads of [2, 3]) expectSameBits(await train(given, threads), one, `${threads} threads`);
  });

  it.each(
    runs.filter(([label]) =>
      [
        'lean',
        'compact',
        'lean with clipping',
        'galore',
        'apollo',
        'mesa',
        'mesa in 2 bits, velora and approxbp',
      ].includes(label),
    ),
  )('with every instruction set: %s', async (_, given) => {
    const results: Trained[] = [];
    for (const tier of tiersHere) {
      vi.stubEnv('COMPACT_ISA', tier);
      results.push(await train({ ...given, steps: 3 }, 2));
    }
    expect(results.length).toBeGreaterThan(0);
    for (const [index, tier] of tiersHere.entries()) expectSameBits(results[index], results[0], tier);
  });

  it.each(['lean', 'compact'])('when run twice: %s', async (methods) => {
    expectSameBits(await train({ methods }, 2), await train({ methods }, 2), 'again');
  });
});

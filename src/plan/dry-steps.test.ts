import { describe, expect, it } from 'vitest';
import type { LedgerEvent } from '../engine/index.js';
import { type ModelConfig, presets } from '../models/index.js';
import { workSeconds } from './cost/rates.js';
import { recordedRates } from './cost/recorded.js';
import type { Work } from './cost/work.js';
import { dryPauses, dryRun, drySteps, type PredictionRequest } from './dry-run.js';
import { foldBlocks } from './fold.js';
import type { MemoryPlan } from './memory-plan.js';
import { type MethodName, makePlan, methods, type RecipeOptions } from './recipes.js';

const layers = 12;
const llama: ModelConfig = { ...presets['llama-9m'], vocabSize: 300, numHiddenLayers: layers };

function requestFor(plan: MemoryPlan, changes: Partial<PredictionRequest> = {}): PredictionRequest {
  return {
    config: llama,
    plan,
    batch: 2,
    sequenceLength: 32,
    accumulate: 1,
    threads: 2,
    optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, epsilonForm: 'standard', weightDecay: 0 },
    seed: 0,
    ...changes,
  };
}

const headWidth = presets['llama-9m'].hiddenSize / presets['llama-9m'].numAttentionHeads;
const planOf = (names: readonly string[], options: Partial<RecipeOptions> = {}) =>
  makePlan(names, { layers, headWidth, ...options });

function mostLive(events: readonly LedgerEvent[]): number {
  const sizes = new Map<number, number>();
  let live = 0;
  let most = 0;
  for (const event of events) {
    if (event.kind === 'allocate') sizes.set(event.id, event.bytes);
    if (event.kind !== 'relabel') live += (event.kind === 'free' ? -1 : 1) * (sizes.get(event.id) ?? 0);
    most = Math.max(most, live);
  }
  return most;
}

/** With blocks left out and counted again, and with all of them. */
async function expectSame(request: PredictionRequest): Promise<void> {
  const whole = await dryRun(request);
  const steps = await drySteps(request);
  const pauses = await dryPauses(request);
  expect(Math.max(steps.peak, steps.persistentBytes + pauses)).toBe(whole.memory.peak);
  expect(pauses).toBe(Math.max(...[whole.events.resampling, whole.events.evaluation].map(mostLive)));
  expect(steps.persistentBytes).toBe(whole.persistentBytes);
  // A file has its tensors at multiples of 256 bytes.
  expect(steps.movedBytes / Math.max(1, whole.movedBytes)).toBeCloseTo(whole.movedBytes > 0 ? 1 : 0, 2);
  expect(workSeconds(steps.meanWork, recordedRates)).toBeCloseTo(workSeconds(whole.meanWork, recordedRates), 12);
  const calls = (work: Work) => Object.fromEntries(work.map(({ op, calls }) => [op, Math.round(1e6 * calls)]));
  expect(calls(steps.meanWork)).toEqual(calls(whole.meanWork));
}

describe('blocks that do the same', () => {
  it.each(Object.keys(methods) as MethodName[])('are counted as often as they come: %s', async (name) => {
    const plan = planOf(name === 'fused-update' ? ['lean', name] : [name]);
    await expectSame(requestFor(plan));
    if (plan.update === 'after') await expectSame(requestFor(plan, { accumulate: 3, clip: 1 }));
  });

  it.each([
    [['checkpoint'], { checkpointLayers: [0, 1, 2, 3, 4, 5, 6] }],
    [['checkpoint'], { checkpointEvery: 4 }],
    [['full', 'offload'], { offloadFraction: 0.4 }],
    [['offload', 'lean', 'fused-update'], {}],
    [['compact', 'checkpoint'], { projection: 'orthonormal' }],
    [['compact-shared', 'checkpoint', 'adam8bit', 'fused-update'], { rank: { ratio: 1 / 8 }, dtype: 'bf16' }],
    [['lean'], { frozen: ['model.layers.{0-5}.*', 'model.embed_tokens.weight'] }],
  ] as const)('with %s %j', async (names, options) => {
    await expectSame(requestFor(planOf(names, options as Partial<RecipeOptions>)));
  });

  it.each(['gpt2', 'bert-base', 'roberta-base'] as const)('in %s', async (model) => {
    const config = { ...presets[model], numHiddenLayers: layers, vocabSize: 300 };
    for (const names of [['full'], ['lean'], ['checkpoint'], ['compact'], ['lean', 'offload', 'fused-update']]) {
      await expectSame(requestFor(planOf(names), { config }));
    }
  });
});

describe('folding', () => {
  const multiplicities = (plan: MemoryPlan) => foldBlocks(requestFor(plan))?.multiplicities;

  it('keeps the first, the last and one block between, of each run of blocks that a plan treats alike', () => {
    expect(multiplicities(planOf(['lean']))).toEqual([1, 10, 1]);
    const early = planOf(['checkpoint'], { checkpointLayers: [0, 1, 2, 3, 4, 5] });
    expect(multiplicities(early)).toEqual([1, 4, 1, 1, 4, 1]);
    expect(multiplicities(planOf(['full', 'offload']))).toEqual([1, 1, 1, 4, 1, 1, 1, 1, 1]);
  });

  it('leaves out nothing where blocks differ, take turns, or share what is made for all', () => {
    expect(multiplicities(planOf(['checkpoint'], { checkpointEvery: 2 }))).toBeUndefined();
    expect(multiplicities(planOf(['badam']))).toBeUndefined();
    expect(multiplicities(planOf(['prac']))).toBeUndefined();
    expect(multiplicities(planOf(['lean'], { frozen: ['*.layers.3.*'] }))).toBeUndefined();
    expect(foldBlocks(requestFor(planOf(['lean']), { config: { ...llama, numHiddenLayers: 3 } }))).toBeUndefined();
  });
});

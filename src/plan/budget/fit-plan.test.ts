import { describe, expect, it } from 'vitest';
import { InputError } from '../../engine/index.js';
import { type LlamaConfig, presets } from '../../models/index.js';
import { priceStep } from '../cost/price-step.js';
import { recordedRates } from '../cost/recorded.js';
import type { PredictionRequest } from '../dry-run.js';
import { makePlan } from '../recipes.js';
import { type FitOptions, fitPlan } from './fit-plan.js';
import { type Allowance, keepingEverything } from './variants.js';

const config: LlamaConfig = { ...presets['llama-9m'], vocabSize: 300, numHiddenLayers: 2 };

const request: PredictionRequest = {
  config,
  plan: makePlan(['lean'], { layers: 2 }),
  batch: 8,
  sequenceLength: 64,
  accumulate: 1,
  threads: 2,
  optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, epsilonForm: 'standard', weightDecay: 0 },
  seed: 0,
};

const within = (budget: number, changes: Partial<PredictionRequest> = {}, allow: readonly Allowance[] = []) =>
  fitPlan({ ...request, ...changes }, { budget, rates: recordedRates, allow: new Set(allow) });

const everything = await priceStep({ ...request, plan: keepingEverything(request.plan) }, recordedRates);
const smallest = await smallestBudget({});

async function smallestBudget(changes: Partial<PredictionRequest>): Promise<number> {
  const error = await within(1000, changes).catch((reason: unknown) => reason);
  if (!(error instanceof InputError)) throw new Error(`not refused: ${error}`);
  const [, count, unit] = /raise --memory to (\d+)(KiB|MiB)/.exec(error.hint ?? '') ?? [];
  return Number(count) * (unit === 'KiB' ? 2 ** 10 : 2 ** 20);
}

/** Budgets from the smallest possible to more than anything needs. */
const budgets = Array.from({ length: 9 }, (_, i) => smallest + ((everything.peak * 1.05 - smallest) * i) / 8);

describe('a budget', () => {
  it('is kept by peak and arena, and less memory never makes a faster step', async () => {
    let before = Number.POSITIVE_INFINITY;
    for (const budget of budgets) {
      const { prediction, seconds } = await within(budget);
      expect(prediction.memory.peak).toBeLessThanOrEqual(budget);
      expect(prediction.arenaBytes).toBeLessThanOrEqual(budget);
      // The search is near the optimum, not at it.
      expect(seconds).toBeLessThanOrEqual(before * 1.01);
      before = seconds;
    }
  });

  it('that is ample leads to the plan that recomputes nothing', async () => {
    const { request: chosen, seconds, fastestSeconds } = await within(1e9);
    expect(seconds).toBeLessThanOrEqual(fastestSeconds);
    expect(chosen.plan.slots.filter(({ match }) => match.startsWith('layers.'))).toEqual([]);
    expect(chosen.plan.update).toBe('after');
  });

  it('gives the same plan each time', async () => {
    const [first, second] = [await within(budgets[3]), await within(budgets[3])];
    expect(first.request.plan).toEqual(second.request.plan);
    expect(first.seconds).toBe(second.seconds);
  });

  it('that is too small is refused with the smallest that would do, which then does', async () => {
    await expect(within(0.97 * smallest)).rejects.toThrow(/no plan fits \d+ KiB: the smallest possible takes \d+ KiB/);
    expect((await within(smallest)).prediction.arenaBytes).toBeLessThanOrEqual(smallest);
  });

  it('needs no more than any distance between the block inputs that are kept', async () => {
    const deep = presets['llama-350m'];
    const layers = deep.numHiddenLayers;
    const own = ['compact', 'adam8bit', 'fused-update'];
    const changes = { config: deep, batch: 1, sequenceLength: 256, plan: makePlan(own, { layers }) };
    const peaks: number[] = [];
    for (let checkpointEvery = 1; checkpointEvery <= layers; checkpointEvery++) {
      const plan = makePlan(['checkpoint', ...own], { layers, checkpointEvery });
      peaks.push((await priceStep({ ...request, ...changes, plan }, recordedRates)).peak);
    }
    expect(peaks.indexOf(Math.min(...peaks))).toBeGreaterThan(0);
    expect(await smallestBudget(changes)).toBeLessThan(1.002 * Math.min(...peaks));
  });

  it('holds for micro-batches and clipping, which need all gradients at once', async () => {
    for (const changes of [{ accumulate: 3 }, { clip: 1 }]) {
      const least = await smallestBudget(changes);
      const { request: chosen, prediction } = await within(least * 1.1, changes);
      expect(chosen.plan.update).toBe('after');
      expect(prediction.memory.peak).toBeLessThanOrEqual(least * 1.1);
    }
  });

  it('holds for a plan with sketches, whose slots are free and whose gradients are not', async () => {
    const plan = makePlan(['compact'], { layers: 2 });
    const least = await smallestBudget({ plan });
    expect(least).toBeLessThan(smallest);
    const { request: chosen } = await within(least, { plan });
    expect(chosen.plan.sketches).toEqual(plan.sketches);
    expect(chosen.plan.methods).toEqual(['compact', 'fitted']);
  });
});

describe('what is allowed besides', () => {
  const allowed = (allow: readonly Allowance[], budget: number) => within(budget, {}, allow);

  it('is not used where an exact plan costs next to nothing', async () => {
    const { request: chosen } = await allowed(['sketch', 'quantize', 'split'], everything.peak * 1.01);
    expect(chosen.plan.sketches).toBeNull();
    expect(chosen.plan.slots.some(({ form }) => form === 'bf16')).toBe(false);
  });

  it('makes steps faster than exact recomputation, or possible at all', async () => {
    const exact = await within(smallest);
    for (const allow of [['sketch'], ['quantize'], ['sketch', 'quantize', 'split']] as const) {
      expect((await allowed(allow, smallest)).seconds).toBeLessThanOrEqual(exact.seconds);
    }
    const rounded = await within(smallest * 0.9, {}, ['states']);
    expect(rounded.request.plan.methods).toEqual(['adam8bit', 'fitted']);
    const tight = smallest * 0.8;
    await expect(within(tight)).rejects.toThrow(InputError);
    const { request: chosen } = await allowed(['sketch', 'split'], tight);
    expect(chosen.plan.sketches).not.toBeNull();
  });

  const sizes = { hiddenSize: 128, intermediateSize: 352, vocabSize: 300, numHiddenLayers: 6, numAttentionHeads: 4 };

  it.each([
    ['LLaMA', { ...config, ...sizes }],
    ['GPT-2', { ...presets.gpt2, ...sizes }],
    ['BERT', { ...presets['bert-mini'], ...sizes }],
  ])(
    'keeps gradients exact where only offloading is allowed, and needs less memory than recomputing: %s',
    async (_, model) => {
      const deep = { config: model, plan: makePlan(['lean'], { layers: 6 }), batch: 64 };
      const least = await smallestBudget(deep);
      await expect(within(least * 0.95, deep)).rejects.toThrow(InputError);
      const { request: chosen, prediction } = await within(least * 0.95, deep, ['offload']);
      expect(chosen.plan.slots.some(({ form }) => form === 'offload')).toBe(true);
      expect(chosen.plan.slots.some(({ form }) => /quant|sketch/.test(form))).toBe(false);
      expect(prediction.arenaBytes).toBeLessThanOrEqual(least * 0.95);
      expect(prediction.movedBytes).toBeGreaterThan(0);
    },
  );

  it('trains the 7B model on 32,768 tokens at a time in 24 GiB, offloading counted', async () => {
    const seven = presets['llama-7b'];
    const methods = ['compact', 'adam8bit', 'fused-update'];
    const plan = makePlan(methods, { layers: seven.numHiddenLayers, rank: { ratio: 1 / 8 }, dtype: 'bf16' });
    const changes = { config: seven, plan, batch: 128, sequenceLength: 256 };
    const { request: chosen, prediction } = await within(24 * 2 ** 30, changes, ['offload']);
    expect([chosen.batch, chosen.accumulate]).toEqual([128, 1]);
    expect(prediction.arenaBytes).toBeLessThanOrEqual(24 * 2 ** 30);
    expect(prediction.offloadBytes).toBeGreaterThan(7 * 2 ** 30);
  });

  it('rounds only where an exact plan takes longer, to fewer bits only where that helps', async () => {
    const bits = async (budget: number) => {
      const { request: chosen } = await allowed(['quantize'], budget);
      return chosen.plan.slots.flatMap(({ form }) => /quant-(\d)/.exec(form)?.slice(1).map(Number) ?? []);
    };
    expect(await bits(everything.peak * 1.01)).toEqual([]);
    const most = Math.max(...(await bits(smallest)));
    expect([8, 4, 2]).toContain(most);
  });

  it('keeps to what bf16 weights can do', async () => {
    const plan = makePlan(['lean'], { layers: 2, dtype: 'bf16' });
    const least = await smallestBudget({ plan });
    const allow = ['offload', 'sketch', 'quantize', 'states'] as const;
    const { prediction } = await within(least, { plan }, allow);
    expect(prediction.arenaBytes).toBeLessThanOrEqual(least);
  });

  it('cuts the batch without changing the tokens of a step', async () => {
    const { request: chosen, prediction } = await allowed(['split'], smallest * 0.9);
    expect(chosen.accumulate).toBeGreaterThan(1);
    expect(chosen.accumulate * chosen.batch).toBe(request.batch);
    expect(prediction.memory.peak).toBeLessThanOrEqual(smallest * 0.9);
  });
});

describe('against all combinations', () => {
  /** Groups of slots that are kept or recomputed together, in each of two blocks: 2^5 ways per block. */
  const groups = [
    ['self_attn.q_proj.input', 'self_attn.k_proj.input', 'self_attn.v_proj.input', 'mlp.down_proj.input'],
    ['self_attn.query', 'self_attn.key', 'self_attn.value'],
    ['self_attn.output', 'self_attn.log_sum_exp', 'self_attn.o_proj.input'],
    ['mlp.gate'],
    ['mlp.up'],
  ];

  it('the choice is within a few percent of the best', async () => {
    const options: FitOptions = { budget: 0, rates: recordedRates, allow: new Set() };
    const all: { peak: number; seconds: number }[] = [];
    const base = keepingEverything({ ...request.plan, update: 'fused', loss: { form: 'fused', chunk: 512 } });
    for (let first = 0; first < 32; first++) {
      for (let second = 0; second < 32; second++) {
        const slots = [first, second].flatMap((ways, block) =>
          groups.flatMap((group, bit) =>
            (ways >> bit) % 2 === 0
              ? []
              : group.map((slot) => ({ match: `layers.${block}.${slot}`, form: 'replay-gemm' as const })),
          ),
        );
        const plan = { ...base, slots: [...base.slots, ...slots] };
        all.push(await priceStep({ ...request, plan }, recordedRates));
      }
    }
    for (const share of [0.2, 0.4, 0.6, 0.8]) {
      const least = Math.min(...all.map(({ peak }) => peak));
      const budget = least + (everything.peak - least) * share;
      const best = Math.min(...all.filter(({ peak }) => peak <= budget).map(({ seconds }) => seconds));
      const { seconds } = await fitPlan(request, { ...options, budget });
      expect(seconds / best, `at ${share}`).toBeLessThan(1.03);
    }
  });
});

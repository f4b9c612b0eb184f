import { describe, expect, it } from 'vitest';
import { createDryEngine } from '../src/engine/index.js';
import type { SlotRecord } from '../src/keep/index.js';
import { Llama, type LlamaConfig, presets } from '../src/models/index.js';
import {
  type MemoryPlan,
  type Prediction,
  predict,
  type RecipeOptions,
  type SaveMode,
  saveModes,
  TrainingProgram,
} from '../src/plan/index.js';
import { adamSettings, runPass, tinyBatch, tinyConfig, tinyPlan } from './support/tiny.js';
import { shaped } from './support/training.js';

const batch = 2;
const sequenceLength = 32;
const tokens = batch * sequenceLength;

function predictTiny(methods: string, options: Partial<RecipeOptions> = {}, config = tinyConfig): Promise<Prediction> {
  const plan = tinyPlan(methods, config, options);
  return predictPlan(plan, config);
}

function predictPlan(plan: MemoryPlan, config: LlamaConfig): Promise<Prediction> {
  return predict({ config, plan, batch, sequenceLength, accumulate: 1, threads: 2, optimizer: adamSettings, seed: 0 });
}

const isStatistic = ({ slot }: SlotRecord) => /\.(rstd|log_sum_exp)$/.test(slot);
const inBlocks = ({ slot }: SlotRecord) => slot.startsWith('layers.');

function bytesOf(slots: readonly SlotRecord[]): number {
  return slots.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** f32 elements per token and block, statistics left out. */
function elements({ slots }: Prediction, config = tinyConfig): number {
  const kept = slots.filter((slot) => inBlocks(slot) && !isStatistic(slot));
  return bytesOf(kept) / 4 / tokens / config.numHiddenLayers;
}

const n = 64;
const m = 172;

/** Saved elements per token and block, bytes of both blocks, and bytes of their statistics. */
const modes: { readonly [M in SaveMode]: readonly [elements: number, bytes: number, statistics: number] } = {
  eager: [10 * n + 4 * m, 679_936, 3072],
  'fused-norm': [8 * n + 4 * m, 614_400, 3072],
  elementwise: [6 * n + 2 * m, 372_736, 3072],
  'no-gate-up': [6 * n, 196_608, 3072],
  'no-qkv': [3 * n, 98_304, 3072],
  'no-x5': [2 * n, 65_536, 3072 - 4 * tokens * 2],
  block: [n, 32_768, 0],
};

describe('the saved bytes of the blocks are those of the formula', () => {
  it.each(saveModes)('when everything is exact: %s', async (saveMode) => {
    const prediction = await predictTiny('lean', { saveMode });
    const [perToken, bytes, statistics] = modes[saveMode];
    expect(elements(prediction)).toBe(perToken);
    expect(bytesOf(prediction.slots.filter((slot) => inBlocks(slot) && !isStatistic(slot)))).toBe(bytes);
    expect(bytesOf(prediction.slots.filter((slot) => inBlocks(slot) && isStatistic(slot)))).toBe(statistics);
  });

  it.each(saveModes)('with grouped keys, n + 2·kv instead of 3n for q, k, v: %s', async (saveMode) => {
    const config = shaped({ numKeyValueHeads: 2 });
    const keepsQkv = saveModes.indexOf(saveMode) < saveModes.indexOf('no-qkv');
    const [perToken] = modes[saveMode];
    const kv = 32;
    expect(elements(await predictTiny('lean', { saveMode }, config), config)).toBe(
      keepsQkv ? perToken - 3 * n + (n + 2 * kv) : perToken,
    );
  });

  it.each([
    ['compact', 'eager', 8 * n + 3 * m + 123, 1151],
    ['compact', 'fused-norm', 6 * n + 3 * m + 123, 1023],
    ['compact', 'elementwise', 6 * n + 2 * m + 123, 851],
    ['compact-shared', 'eager', 8 * n + 3 * m + 75, 1103],
    ['compact-shared', 'fused-norm', 6 * n + 3 * m + 75, 975],
    ['compact-shared', 'elementwise', 6 * n + 2 * m + 75, 803],
    ['compact-down', 'eager', 10 * n + 3 * m + 43, 1199],
    ['compact-down', 'elementwise', 6 * n + 2 * m + 43, 771],
  ] as const)('for %s sketched in forward over %s', async (method, saveMode, perToken, byHand) => {
    expect(perToken).toBe(byHand);
    expect(elements(await predictTiny(method, { saveMode, sketchWhen: 'forward' }))).toBe(byHand);
  });

  it.each([
    [0.5, 5 * 32 + 86],
    [0.25, 5 * 16 + 43],
    [0.125, 5 * 8 + 22],
  ])('for the paper’s CompAct on a usual framework at ρ = %f: 8n + 3m + ρ(5n + m)', async (ratio, sketches) => {
    const prediction = await predictTiny('full,compact', { rank: { ratio } });
    expect(elements(prediction)).toBe(8 * n + 3 * m + sketches);
    const formed = prediction.slots.filter(({ form }) => form === 'sketch');
    expect(bytesOf(formed)).toBe(4 * tokens * 2 * sketches);
  });

  it.each(['compact', 'compact-shared', 'compact-down'])(
    '%s with late sketches stores nothing for them',
    async (method) => {
      for (const saveMode of ['elementwise', 'no-gate-up', 'block'] as const) {
        expect(elements(await predictTiny(method, { saveMode }))).toBe(modes[saveMode][0]);
      }
    },
  );

  const inBlock = (prediction: Prediction) =>
    bytesOf(prediction.slots.filter((slot) => inBlocks(slot) && !isStatistic(slot))) / tinyConfig.numHiddenLayers;

  it.each([
    ['mesa', 6 * n + 2 * m],
    ['mesa,full', 10 * n + 4 * m],
    ['mesa,checkpoint', n],
    ['mesa,msnorm', 6 * n + 2 * m],
  ])('for %s: codes, and 4 bytes for each 128 of them', async (methods, perToken) => {
    for (const bits of [8, 4, 2] as const) {
      const prediction = await predictTiny(methods, { bits });
      expect(inBlock(prediction)).toBe(tokens * perToken * (bits / 8 + 4 / 128));
    }
  });

  it('for velora: one number per sub-token of value and down', async () => {
    // M = 4 and 11, thus 16 sub-tokens each; the value layer's input stays for query and key.
    const prediction = await predictTiny('velora', { groups: 16 });
    expect(elements(prediction)).toBe(10 * n + 3 * m + 16 + 16);
    // M = 8 and 25: the last sub-token of down is shorter.
    expect(elements(await predictTiny('velora', { groups: 7 }))).toBe(10 * n + 3 * m + 7 + 7);
  });

  it('for token-sketch: k mixtures of the inputs that q, k, v share, that gate and up share, and of down’s', async () => {
    const prediction = await predictTiny('token-sketch');
    expect(elements(prediction)).toBe(8 * n + 3 * m + (2 * n + m) / 4);
  });

  it('for approxbp: a quarter of a byte for each gate', async () => {
    expect(inBlock(await predictTiny('approxbp'))).toBe(tokens * (4 * (10 * n + 3 * m) + m / 4));
  });

  it('for msnorm: norm outputs in place of norm inputs, and nothing beside them', async () => {
    expect(elements(await predictTiny('msnorm'))).toBe(6 * n + 2 * m);
    expect(elements(await predictTiny('full,msnorm'))).toBe(6 * n + 4 * m);
    const gammas = 4 * 2 * tinyConfig.numHiddenLayers * n;
    const [lean, shared] = [await predictTiny('lean'), await predictTiny('msnorm')];
    expect(lean.memory.peakByRole.optimizer - shared.memory.peakByRole.optimizer).toBe(2 * gammas);
  });

  it('with some blocks checkpointed: n for them, 6n + 2m for the others', async () => {
    const config = shaped({ numHiddenLayers: 5 });
    const { slots } = await predictTiny('checkpoint', { checkpointLayers: [0, 1, 4] }, config);
    const kept = slots.filter((slot) => inBlocks(slot) && !isStatistic(slot));
    expect(bytesOf(kept)).toBe(4 * tokens * (3 * n + 2 * (6 * n + 2 * m)));
  });

  it('with every k-th block’s input: ⌈L/k⌉ of them', async () => {
    const config = shaped({ numHiddenLayers: 5 });
    const { slots } = await predictTiny('checkpoint', { checkpointEvery: 2 }, config);
    expect(bytesOf(slots.filter(inBlocks))).toBe(4 * tokens * 3 * n);
  });

  it('with bf16 storage at half the bytes', async () => {
    const plan = tinyPlan('lean', tinyConfig);
    const rounded = { ...plan, slots: [...plan.slots, { match: '*.mlp.*', form: 'bf16' as const }] };
    const { slots } = await predictPlan(rounded, tinyConfig);
    const mlp = slots.filter(({ slot }) => /\.mlp\.(gate|up)$/.test(slot));
    expect(bytesOf(mlp)).toBe(2 * tokens * 2 * 2 * m);
  });
});

describe('the ledger', () => {
  /** Ids, and the final norm's input with its statistic; the fused loss itself keeps nothing. */
  const around = 4 * tokens * (1 + n + 1);

  it.each(saveModes)('has as its peak of saved bytes the sum of the slots: %s', async (saveMode) => {
    const { memory, slots } = await predictTiny('lean', { saveMode });
    expect(memory.peakByRole.saved).toBe(bytesOf(slots));
    const [, bytes, statistics] = modes[saveMode];
    const normalized = saveMode === 'eager' ? 4 * tokens * n : 0;
    expect(memory.peakByRole.saved).toBe(bytes + statistics + around + normalized);
  });

  it.each(['mesa', 'velora', 'approxbp', 'msnorm', 'full,mesa,velora'])(
    'has it in other forms too: %s',
    async (methods) => {
      const { memory, slots } = await predictTiny(methods, methods.includes('velora') ? { groups: 5 } : {});
      expect(memory.peakByRole.saved).toBe(bytesOf(slots));
    },
  );

  it.each(['compact', 'compact-shared'])('has it with sketches too, shared ones counted once: %s', async (method) => {
    const { memory, slots } = await predictTiny(method, { sketchWhen: 'forward' });
    expect(memory.peakByRole.saved).toBe(bytesOf(slots));
  });

  it('counts what a usual framework keeps for the head: its input, logits and log-probabilities', async () => {
    const { memory, slots } = await predictTiny('full');
    expect(memory.peakByRole.saved).toBe(bytesOf(slots));
    const [, bytes, statistics] = modes.eager;
    const V = tinyConfig.vocabSize;
    expect(memory.peakByRole.saved).toBe(bytes + statistics + around + 4 * tokens * (2 * n + 2 * V));
  });

  it('is told the same slots by the keeper and by the prediction', async () => {
    using engine = createDryEngine({ threads: 2 });
    const plan = tinyPlan('full,compact', tinyConfig);
    const { slots } = await runPass(engine, tinyConfig, plan, [tinyBatch(tinyConfig, batch, sequenceLength)]);
    expect(slots).toEqual((await predictPlan(plan, tinyConfig)).slots);
  });

  it('sees nothing saved in evaluation, whatever the plan', async () => {
    using engine = createDryEngine({ threads: 2 });
    using model = new Llama(engine, tinyConfig, sequenceLength);
    const plan = tinyPlan('full,compact', tinyConfig);
    using program = new TrainingProgram(engine, model, plan, { optimizer: adamSettings, seed: 0 });
    await program.evaluate(tinyBatch(tinyConfig, batch, sequenceLength));
    const { saved, projection, gradient } = engine.ledger.read().peakByRole;
    expect({ saved, projection, gradient }).toEqual({ saved: 0, projection: 0, gradient: 0 });
  });
});

/** Parameters, and elements of the gradient (and of each moment) under CompAct at ρ = 1/2, 1/4, 1/8. */
const table = [
  ['llama-60m', 58_073_600, 46_473_728, 40_673_792, 37_773_824],
  ['llama-130m', 134_105_856, 95_177_472, 75_713_280, 65_981_184],
  ['llama-350m', 367_969_280, 229_360_640, 160_056_320, 125_404_160],
  ['llama-1b', 1_339_082_752, 785_434_624, 508_635_136, 370_259_968],
  ['llama-7b', 6_738_415_616, 3_768_848_384, 2_284_064_768, 1_541_672_960],
] as const;

describe.each(table)('%s', (preset, parameters, ...compressed) => {
  const config = presets[preset];
  const memoryOf = async (methods: string, options: Partial<RecipeOptions> = {}) => {
    const plan = tinyPlan(methods, config, options);
    const request = { config, plan, optimizer: adamSettings, seed: 0, threads: 1 };
    return (await predict({ ...request, batch: 1, sequenceLength: 8, accumulate: 1 })).memory.peakByRole;
  };

  it('has the published number of parameters, gradients and moments in full training', async () => {
    const { weight, gradient, optimizer } = await memoryOf('lean');
    expect({ weight, gradient, optimizer }).toEqual({
      weight: 4 * parameters,
      gradient: 4 * parameters,
      optimizer: 8 * parameters,
    });
  });

  it.each([
    [1 / 2, compressed[0]],
    [1 / 4, compressed[1]],
    [1 / 8, compressed[2]],
  ])('has the compressed gradients and moments of the table at ρ = %f', async (ratio, expected) => {
    for (const method of ['compact', 'compact-shared']) {
      const { gradient, optimizer } = await memoryOf(method, { rank: { ratio } });
      expect({ gradient, optimizer }).toEqual({ gradient: 4 * expected, optimizer: 8 * expected });
    }
  });
});

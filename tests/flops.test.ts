import { describe, expect, it } from 'vitest';
import { createDryEngine, type OpName } from '../src/engine/index.js';
import { projectionFamilies } from '../src/keep/index.js';
import { Llama, type LlamaConfig } from '../src/models/index.js';
import { type RecipeOptions, TrainingProgram } from '../src/plan/index.js';
import { adamSettings, tinyBatch, tinyConfig, tinyPlan } from './support/tiny.js';
import { shaped } from './support/training.js';

/** m = 8n/3, the ratio for which the shares are worked out. */
const wide = shaped({ hiddenSize: 96, intermediateSize: 256 });

/** Flops of a step's matrix products. */
async function flopsOf(config: LlamaConfig, methods: string, options: Partial<RecipeOptions>, batch: number) {
  using engine = createDryEngine({ threads: 1 });
  using model = new Llama(engine, config, 8);
  const plan = tinyPlan(methods, config, options);
  using program = new TrainingProgram(engine, model, plan, { optimizer: adamSettings, seed: 0 });
  await program.step([tinyBatch(config, batch, 8)], { step: 0, learningRate: 0 });
  const flops = engine.flopsByOp();
  return (op: OpName) => flops.get(op) ?? 0;
}

/** What one block takes: two blocks less one, so that embedding, head and loss fall out. */
async function blockFlops(config: LlamaConfig, methods: string, options: Partial<RecipeOptions> = {}, batch = 1) {
  const two = await flopsOf({ ...config, numHiddenLayers: 2 }, methods, options, batch);
  const one = await flopsOf({ ...config, numHiddenLayers: 1 }, methods, options, batch);
  return (op: OpName) => two(op) - one(op);
}

/** Flops of a block's linears per token: twice the tokens less once, so that the update falls out. */
async function perToken(config: LlamaConfig, methods: string, options: Partial<RecipeOptions> = {}): Promise<number> {
  const twice = await blockFlops(config, methods, options, 2);
  const once = await blockFlops(config, methods, options, 1);
  const products = (count: (op: OpName) => number) => count('gemm') + count('fastProject');
  return (products(twice) - products(once)) / 8;
}

function full({ hiddenSize: n, intermediateSize: m }: LlamaConfig): number {
  return 6 * (4 * n * n + 3 * n * m);
}

describe('the linears of a block take the flops of the formula', () => {
  it.each(['full', 'lean'])('6(4n² + 3nm) per token: %s', async (method) => {
    expect(await perToken(tinyConfig, method)).toBe(full(tinyConfig));
    expect(await perToken(wide, method)).toBe(full(wide));
  });

  it.each([
    ['compact', 'forward', 5],
    ['compact', 'backward', 5],
    ['compact-shared', 'forward', 2],
    ['compact-shared', 'backward', 2],
  ] as const)(
    '4(4n² + 3nm) + 2n² + 2(r_n(3n + 2m) + r_m·n) and the projections: %s in %s',
    async (method, sketchWhen, copies) => {
      const { hiddenSize: n, intermediateSize: m } = tinyConfig;
      const [rn, rm] = [16, 43];
      const weights = 2 * (rn * (3 * n + 2 * m) + rm * n);
      const projections = 2 * (copies * n * rn + m * rm);
      expect(await perToken(tinyConfig, method, { sketchWhen })).toBe(
        4 * (4 * n * n + 3 * n * m) + 2 * n * n + weights + projections,
      );
    },
  );

  it.each([
    ['sparse', 5 * 2 * 64 * 4 + 2 * 172 * 4],
    ['srht', 5 * 64 * 6 + 256 * 8],
  ] as const)('%s projections: additions in place of a matrix product', async (projection, projections) => {
    const { hiddenSize: n, intermediateSize: m } = tinyConfig;
    const weights = 2 * (16 * (3 * n + 2 * m) + 43 * n);
    expect(await perToken(tinyConfig, 'compact', { projection })).toBe(
      4 * (4 * n * n + 3 * n * m) + 2 * n * n + weights + projections,
    );
  });

  it.each([
    ['compact', 1 / 2, 1.015],
    ['compact', 1 / 4, 0.855],
    ['compact', 1 / 8, 0.775],
    ['compact-shared', 1 / 2, 0.974],
    ['compact-shared', 1 / 4, 0.834],
    ['compact-shared', 1 / 8, 0.764],
  ])('%s at ρ = %f: %f of full training', async (method, ratio, share) => {
    const flops = await perToken(wide, method, { rank: { ratio } });
    expect(Math.round((1000 * flops) / full(wide)) / 1000).toBe(share);
  });

  it('expands the update once per step: 2nrm for each compressed weight', async () => {
    const { hiddenSize: n, intermediateSize: m } = tinyConfig;
    const tokens = 8;
    const all = (await blockFlops(tinyConfig, 'compact'))('gemm');
    expect(all - tokens * (await perToken(tinyConfig, 'compact'))).toBe(
      2 * (3 * n * 16 * n + 2 * n * 16 * m + m * 43 * n),
    );
  });
});

describe('what recomputing costs', () => {
  it.each([
    ['elementwise', 0],
    ['no-gate-up', 0.148],
    ['no-qkv', 0.231],
    ['no-x5', 0.259],
    ['block', 0.259],
  ] as const)('%s: %f of a block’s flops more', async (saveMode, share) => {
    const flops = await perToken(wide, 'lean', { saveMode });
    expect(Math.round((1000 * flops) / full(wide) - 1000) / 1000).toBe(share);
  });

  it('a whole block recomputes attention too, and never the down projection', async () => {
    const exact = await blockFlops(wide, 'lean', { saveMode: 'no-x5' });
    const block = await blockFlops(wide, 'lean', { saveMode: 'block' });
    expect(exact('attention')).toBeGreaterThan(0);
    expect(block('attention')).toBe(2 * exact('attention'));
    expect(block('attentionBackward')).toBe(exact('attentionBackward'));
    expect(block('gemm')).toBe(exact('gemm'));
  });

  it('is the same under CompAct: q, k, v, o, gate and up once more', async () => {
    const { hiddenSize: n, intermediateSize: m } = wide;
    for (const method of ['compact', 'compact-shared']) {
      const again = (await perToken(wide, `checkpoint,${method}`)) - (await perToken(wide, method));
      expect(again).toBe(2 * (4 * n * n + 2 * n * m));
    }
  });

  it('a sketch formed late costs no more than one formed in forward', async () => {
    for (const projection of projectionFamilies) {
      const late = await perToken(wide, 'compact', { projection, sketchWhen: 'backward' });
      expect(late).toBe(await perToken(wide, 'compact', { projection, sketchWhen: 'forward' }));
    }
  });
});

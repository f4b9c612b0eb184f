import { describe, expect, it } from 'vitest';
import { createReferenceEngine } from '../../engine/reference/reference-engine.js';
import { presets } from '../../models/index.js';
import { dryRun, type PredictionRequest } from '../dry-run.js';
import type { MemoryPlan } from '../memory-plan.js';
import { makePlan } from '../recipes.js';
import { priceStep } from './price-step.js';
import { kernelRatesSchema, workSeconds } from './rates.js';
import { recordedRates } from './recorded.js';
import { totalFlops, WorkLog } from './work.js';

const request: PredictionRequest = {
  config: { ...presets['llama-9m'], numHiddenLayers: 2 },
  plan: makePlan(['lean'], { layers: 2 }),
  batch: 2,
  sequenceLength: 32,
  accumulate: 1,
  threads: 2,
  optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, epsilonForm: 'standard', weightDecay: 0 },
  seed: 0,
};

describe('work', () => {
  it('counts calls, flops and bytes by op: what is updated moves twice, of tables only the rows named', () => {
    using engine = createReferenceEngine({ threads: 1 });
    const make = (shape: readonly number[], dtype: 'f32' | 'i32' = 'f32') =>
      engine.allocate({ shape, dtype, role: 'workspace', name: 'x' });
    const [x, table, ids, out] = [make([10]), make([100, 8]), make([3], 'i32'), make([3, 8])];
    engine.write(ids, Int32Array.of(1, 2, 3));
    const log = new WorkLog();
    engine.observe((call) => log.add(call));
    engine.run('fill', { out: x, value: 1 });
    engine.run('scale', { x, factor: 2 });
    engine.run('scale', { x, factor: 2 });
    engine.run('fill', { out: table, value: 1 });
    engine.run('embedding', { ids, table, out });
    engine.observe(undefined);
    engine.run('fill', { out: x, value: 1 });
    const bytes = Object.fromEntries(log.work.map(({ op, calls, bytes }) => [op, [calls, bytes]]));
    expect(bytes).toEqual({ fill: [2, 40 + 3200], scale: [2, 160], embedding: [1, 12 + 2 * 96] });
  });
});

describe('predicted time', () => {
  it('is linear in flops and bytes, and prices unknown ops like the one they are most like', () => {
    const rates = { machine: 'test', rates: { gemm: { perFlop: 2, perByte: 0.5 }, add: { perFlop: 0, perByte: 3 } } };
    const op = (name: 'gemm' | 'attention' | 'rope', flops: number, bytes: number) =>
      workSeconds([{ op: name, bf16: true, calls: 1, flops, bytes }], rates);
    expect(op('gemm', 10, 4)).toBe(22);
    expect(op('attention', 10, 4)).toBe(22);
    expect(op('rope', 0, 4)).toBe(12);
  });

  it('follows the arithmetic: recomputing takes longer, sketches of low rank take less', async () => {
    const seconds = async (methods: readonly string[], rank = 1 / 4) => {
      const sketches = methods.includes('compact') ? { rank: { ratio: rank } } : {};
      const plan = makePlan(methods, { layers: 2, ...sketches });
      return (await priceStep({ ...request, batch: 64, plan }, recordedRates)).seconds;
    };
    const lean = await seconds(['lean']);
    expect(await seconds(['checkpoint'])).toBeGreaterThan(lean);
    expect(await seconds(['compact'], 1 / 8)).toBeLessThan(lean);
  });

  it('of many micro-batches is found from two', async () => {
    for (const accumulate of [1, 2, 3, 5]) {
      const { memory, work } = await dryRun({ ...request, accumulate });
      const priced = await priceStep({ ...request, accumulate }, recordedRates);
      expect(priced.peak).toBe(memory.peak);
      expect(priced.seconds).toBeCloseTo(workSeconds(work, recordedRates), 12);
      expect(totalFlops(work)).toBeGreaterThan(0);
    }
  });

  it('spreads what comes seldom over the steps: subspaces made anew, blocks that take turns', async () => {
    const calls = async (plan: MemoryPlan, op: string) => {
      const { meanWork } = await dryRun({ ...request, plan });
      return meanWork.find((entry) => entry.op === op)?.calls ?? 0;
    };
    const galore = (updateGap: number) => makePlan(['galore'], { layers: 2, updateGap });
    const matrices = 2 * 7;
    expect(await calls(galore(1), 'singularVectors')).toBeCloseTo(matrices, 9);
    expect(await calls(galore(50), 'singularVectors')).toBeCloseTo(matrices / 50, 9);
    const all = await calls(makePlan(['lean'], { layers: 2 }), 'adamW');
    // Embedding, two blocks, and the rest.
    expect(await calls(makePlan(['badam'], { layers: 2 }), 'adamW')).toBeCloseTo(all / 4, 9);
  });

  it('has recorded rates that read as what is cached', () => {
    expect(kernelRatesSchema.parse(JSON.parse(JSON.stringify(recordedRates)))).toEqual(recordedRates);
  });
});

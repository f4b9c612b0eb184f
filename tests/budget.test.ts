import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { type Allowance, fitPlan, predict, recordedRates } from '../src/plan/index.js';
import { Trainer, type TrainingSettings } from '../src/train/index.js';
import { nativeMissing, nativeTitle, runAll, shaped, tinyData, tinySettings, weightsOf } from './support/training.js';

const config = shaped({ numHiddenLayers: 3 });
const settings = tinySettings({ config, batch: 4, sequenceLength: 32 });

/** Settings with the cheapest plan within a budget. */
async function fitted(budget: number, allow: readonly Allowance[] = []): Promise<TrainingSettings> {
  const { request } = await fitPlan(
    { ...settings, clip: undefined, threads: 2 },
    { budget, rates: recordedRates, allow: new Set(allow) },
  );
  return { ...settings, plan: request.plan, batch: request.batch, accumulate: request.accumulate };
}

async function train(chosen: TrainingSettings, memoryBudget: number) {
  await using trainer = await Trainer.open({ settings: chosen, data: tinyData(chosen), threads: 2, memoryBudget });
  const reports = await runAll(trainer);
  return {
    peak: trainer.engine.ledger.read().peak,
    arena: trainer.engine.arena?.reserved ?? 0,
    losses: reports.map(({ loss }) => loss),
    weights: await weightsOf(trainer),
  };
}

describe.skipIf(nativeMissing)(nativeTitle('a run within a budget'), async () => {
  const usual = await predict({ ...settings, clip: undefined, threads: 2 });
  const budgets = [1.2, 1, 0.94, 0.9].map((share) => Math.round(share * usual.memory.peak));

  it('never takes more than the budget, and exact plans train to the same bits', async () => {
    const ample = await fitted(2 ** 30);
    const free = await train(ample, 2 ** 30);
    let same = 0;
    for (const budget of budgets) {
      const chosen = await fitted(budget);
      const { peak, arena, losses, weights } = await train(chosen, budget);
      expect(peak).toBeLessThanOrEqual(budget);
      expect(arena).toBeLessThanOrEqual(budget);
      for (const [step, loss] of losses.entries()) expect(loss).toBeCloseTo(free.losses[step], 5);
      // The head's gradient is summed chunk by chunk: other chunks round otherwise.
      if (!isDeepStrictEqual(chosen.plan.loss, ample.plan.loss)) continue;
      expect(weights).toEqual(free.weights);
      same += 1;
    }
    expect(same).toBeGreaterThan(0);
  });

  it('keeps to it with everything allowed, below what exact plans can do', async () => {
    const budget = Math.round(0.75 * usual.memory.peak);
    await expect(fitted(budget)).rejects.toThrow(/no plan fits/);
    const chosen = await fitted(budget, ['sketch', 'quantize', 'split']);
    expect(chosen.batch * chosen.accumulate).toBe(settings.batch);
    const { peak, arena } = await train(chosen, budget);
    expect(peak).toBeLessThanOrEqual(budget);
    expect(arena).toBeLessThanOrEqual(budget);
  });
});

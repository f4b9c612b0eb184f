import { describe, expect, it } from 'vitest';
import { createDryEngine } from '../src/engine/index.js';
import { createReferenceEngine } from '../src/engine/reference/reference-engine.js';
import { llamaShapes } from '../src/models/index.js';
import { makePlan, predict } from '../src/plan/index.js';
import { Trainer } from '../src/train/index.js';
import { adamSettings, oddConfig, runPass, tinyBatch, tinyConfig, tinyPlan } from './support/tiny.js';
import { engineHere, runAll, tinyData, tinySettings, weightsOf } from './support/training.js';

const batches = [tinyBatch(oddConfig, 2, 5)];

function elementsOf(pattern: RegExp, config = tinyConfig): number {
  let sum = 0;
  for (const [name, shape] of llamaShapes(config)) if (pattern.test(name)) sum += shape.reduce((a, b) => a * b, 1);
  return sum;
}

describe('frozen weights', () => {
  const frozen = ['*.q_proj.weight', '*.down_proj.weight', 'model.embed_tokens.weight'];
  const frozenNames = /q_proj|down_proj|embed_tokens/;

  it('have no gradients; the others have the same ones', async () => {
    const engine = createReferenceEngine();
    const all = await runPass(engine, oddConfig, tinyPlan('full', oddConfig), batches);
    const some = await runPass(engine, oddConfig, tinyPlan('full', oddConfig, { frozen }), batches);
    expect([...some.gradients.keys()]).toEqual([...all.gradients.keys()].filter((name) => !frozenNames.test(name)));
    for (const [name, gradient] of some.gradients) expect(gradient).toEqual(all.gradients.get(name));
    expect(some.loss).toBe(all.loss);
  });

  it('cost neither gradient nor optimizer bytes, and their layers keep no inputs for them', async () => {
    const of = async (names?: readonly string[]) => {
      const plan = makePlan(['full'], { layers: 2, ...(names && { frozen: names }) });
      const shape = { config: tinyConfig, batch: 2, sequenceLength: 32, accumulate: 1, threads: 1 };
      return predict({ ...shape, plan, optimizer: adamSettings, seed: 0 });
    };
    const [all, some] = [await of(), await of(frozen)];
    const bytes = 4 * elementsOf(frozenNames);
    expect(all.memory.peakByRole.gradient - some.memory.peakByRole.gradient).toBe(bytes);
    expect(all.memory.peakByRole.optimizer - some.memory.peakByRole.optimizer).toBe(2 * bytes);
    expect(all.memory.peakByRole.weight).toBe(some.memory.peakByRole.weight);
    expect(some.slots.filter(({ slot }) => /(q_proj|down_proj)\.input|embed_tokens\.ids/.test(slot))).toEqual([]);
    // The product that down_proj reads is kept for nothing else: m elements per token and block.
    const saved = all.memory.peakByRole.saved - some.memory.peakByRole.saved;
    expect(saved).toBe(4 * 64 * (2 * tinyConfig.intermediateSize + 1));
  });

  it('below everything that is trained keep nothing at all', async () => {
    using engine = createDryEngine({ threads: 1 });
    const plan = tinyPlan('full', oddConfig, { frozen: ['model.embed_tokens.weight', 'model.layers.0.*'] });
    const { slots } = await runPass(engine, { ...oddConfig, tieWordEmbeddings: false }, plan, batches);
    expect(slots.some(({ slot }) => slot.startsWith('layers.0.'))).toBe(false);
    expect(slots.some(({ slot }) => slot.startsWith('layers.1.'))).toBe(true);
  });

  it.each(['lean', 'compact', 'checkpoint,fused-update'])('stay as they were in training: %s', async (methods) => {
    const settings = tinySettings({ methods, steps: 3, options: { frozen } });
    await using trainer = await Trainer.open({ settings, data: tinyData(settings), engine: engineHere, threads: 1 });
    const before = await weightsOf(trainer);
    await runAll(trainer);
    expect(trainer.engine.ledger.read().peak).toBe(trainer.prediction.memory.peak);
    for (const [name, values] of await weightsOf(trainer)) {
      if (frozenNames.test(name)) expect(values, name).toEqual(before.get(name));
      else expect(values, name).not.toEqual(before.get(name));
    }
  });

  it('are refused where nothing is named or nothing is left', async () => {
    using engine = createDryEngine({ threads: 1 });
    const pass = (names: readonly string[]) =>
      runPass(engine, oddConfig, tinyPlan('lean', oddConfig, { frozen: names }), batches);
    await expect(pass(['*.no_such'])).rejects.toThrow('frozen weights: nothing matches "*.no_such"');
    await expect(pass(['*'])).rejects.toThrow('every weight is frozen');
  });
});

import { describe, expect, it } from 'vitest';
import { presets } from '../models/index.js';
import type { Refinements } from './plan-choice.js';
import { choosePlan, planAmongOthers, splitCombination } from './plan-choice.js';
import { defaultLearningRate } from './training/settings.js';

const config = presets['llama-9m'];
const none: Refinements = {
  rank: undefined,
  updateGap: undefined,
  scale: undefined,
  outputScale: undefined,
  projection: undefined,
  basis: undefined,
  gradient: undefined,
  refresh: undefined,
  moments: undefined,
  secondMoments: undefined,
  warmRestart: undefined,
  sketchWhen: undefined,
  saveMode: undefined,
  checkpointEvery: undefined,
  checkpointLayers: undefined,
  bits: undefined,
  offloadFraction: undefined,
  groups: undefined,
  tokenRatio: undefined,
  veloraScale: undefined,
  lossChunk: undefined,
  alpha: undefined,
  targetModules: undefined,
  blockSize: undefined,
  momentum: undefined,
  updateRms: undefined,
  switchEvery: undefined,
  blockOrder: undefined,
  dtype: undefined,
  momentDtype: undefined,
  masterWeights: false,
};

describe('choosePlan', () => {
  it('is lean where nothing is said', async () => {
    expect((await choosePlan({ ...none, method: undefined, plan: undefined }, config)).methods).toEqual(['lean']);
  });

  it('refuses refinements without a method that has them', async () => {
    const choice = choosePlan({ ...none, method: ['lean'], plan: undefined, rank: { absolute: 4 } }, config);
    await expect(choice).rejects.toThrow('--rank has no meaning without a compact method');
  });
});

describe('planAmongOthers', () => {
  it('gives each method only its own refinements', () => {
    const refinements = { ...none, bits: 4 as const, groups: 8, checkpointLayers: [1] };
    expect(planAmongOthers(['lean'], refinements, config)).toEqual(planAmongOthers(['lean'], none, config));
    expect(planAmongOthers(['velora'], refinements, config).subtokens).toMatchObject({ groups: 8 });
    expect(planAmongOthers(['mesa'], refinements, config).slots).toContainEqual({
      match: 'layers.{0-3}.mlp.up',
      form: 'quant-4',
    });
    const { slots } = planAmongOthers(['checkpoint'], refinements, config);
    expect(slots).toContainEqual({ match: 'layers.{1-1}.mlp.up', form: 'replay-gemm' });
  });

  it('gives the refinements for sketches only to those that sketch', () => {
    const refinements = { ...none, rank: { absolute: 4 }, updateGap: null, lossChunk: 64 };
    expect(planAmongOthers(['lean'], refinements, config)).toMatchObject({ sketches: null, loss: { chunk: 64 } });
    expect(planAmongOthers(['fused-update', 'compact'], refinements, config)).toMatchObject({
      sketches: { rank: { absolute: 4 }, updateGap: null },
      loss: { chunk: 64 },
    });
  });

  it('gives the rank to all that have directions, and alpha to exact methods too', () => {
    const refinements = { ...none, rank: { absolute: 4 }, scale: 0.5 } as const;
    expect(planAmongOthers(['prac'], refinements, config).sketches).toMatchObject({
      rank: { absolute: 4 },
      scale: 0.5,
    });
    const { optimizer } = planAmongOthers(['apollo'], refinements, config);
    expect(optimizer.at(-1)?.update).toMatchObject({ name: 'apollo', rank: { absolute: 4 } });
    expect(planAmongOthers(['lean'], refinements, config).updateScales).toEqual([
      { match: '*_proj.weight', scale: 0.5 },
    ]);
    expect(planAmongOthers(['lora'], refinements, config).updateScales).toEqual([]);
  });
});

describe('planAmongOthers with subspaces of exact gradients', () => {
  it('gives galore the rank and its own basis, and no other method the basis', () => {
    const refinements = { ...none, rank: { absolute: 4 }, updateGap: 10, scale: 3, basis: 'range-finder' } as const;
    const { optimizer, updateScales } = planAmongOthers(['galore'], refinements, config);
    expect(optimizer.at(-1)?.update).toMatchObject({ rank: { absolute: 4 }, updateGap: 200, basis: 'range-finder' });
    expect(updateScales).toEqual([{ match: '*_proj.weight', scale: 0.25 }]);
    expect(planAmongOthers(['apollo-mini'], refinements, config).optimizer.at(-1)?.update).toMatchObject({
      rank: { absolute: 1 },
      scaling: 'tensor',
    });
  });
});

describe('defaultLearningRate', () => {
  it('makes up for the scale of sketched updates', () => {
    expect(defaultLearningRate(planAmongOthers(['lean'], none, config))).toBe(1e-3);
    expect(defaultLearningRate(planAmongOthers(['compact'], none, config))).toBe(4e-3);
    expect(defaultLearningRate(planAmongOthers(['compact'], { ...none, scale: 0.5 }, config))).toBe(2e-3);
    expect(defaultLearningRate(planAmongOthers(['galore'], none, config))).toBe(4e-3);
    expect(defaultLearningRate(planAmongOthers(['apollo'], none, config))).toBe(2e-3);
    expect(defaultLearningRate(planAmongOthers(['apollo-mini'], none, config))).toBe(2e-3);
  });
});

describe('splitCombination', () => {
  it('splits at +', () => {
    expect(splitCombination('lean+compact')).toEqual(['lean', 'compact']);
    expect(() => splitCombination('lean+')).toThrow('"lean+" is no combination');
  });
});

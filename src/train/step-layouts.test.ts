import { describe, expect, it } from 'vitest';
import { presets } from '../models/index.js';
import { makePlan, type PredictionRequest, predict, usualBatch } from '../plan/index.js';
import { StepLayouts } from './step-layouts.js';

const config = { ...presets['llama-260k'], numHiddenLayers: 1 };
const request: PredictionRequest = {
  config,
  plan: makePlan(['lean'], { layers: 1 }),
  batch: 2,
  sequenceLength: 80,
  accumulate: 1,
  threads: 1,
  optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, epsilonForm: 'standard', weightDecay: 0 },
  seed: 0,
};

describe('layouts of steps', () => {
  it('are kept for lengths that came lately, and worked out anew, to the same, for others', async () => {
    const prediction = await predict(request);
    const layouts = new StepLayouts(request, prediction);
    const of = (length: number) => layouts.of([usualBatch(config, 2, length)], 0, prediction.variant);
    expect(await of(80)).toBe(prediction.layout);
    const first = await of(1);
    const second = await of(2);
    for (let length = 3; length <= 66; length++) {
      await of(length);
      await of(2);
    }
    expect(await of(2)).toBe(second);
    const again = await of(1);
    expect(again).not.toBe(first);
    expect(again).toEqual(first);
  });
});

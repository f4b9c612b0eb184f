import { describe, expect, it } from 'vitest';
import type { Engine, Tensor } from '../engine/index.js';
import { createReferenceEngine } from '../engine/reference/reference-engine.js';
import type { Direction } from './direction.js';
import { adamDirection } from './directions/adam.js';
import { denseExpander } from './expander.js';
import { directedUpdater } from './parameter-updater.js';
import type { AdamWSettings } from './settings.js';

const settings: AdamWSettings = {
  beta1: 0.9,
  beta2: 0.99,
  epsilon: 1e-6,
  epsilonForm: 'standard',
  weightDecay: 0.2,
};
const shape = [3, 5];

function upload(engine: Engine, name: string, values: (i: number) => number): Tensor {
  const tensor = engine.allocate({ shape, role: 'weight', name });
  engine.write(
    tensor,
    Float64Array.from({ length: 15 }, (_, i) => values(i)),
  );
  return tensor;
}

/** Three steps; the weight they lead to. */
async function trained(engine: Engine, change: (direction: Direction) => Direction): Promise<Float64Array> {
  const weight = upload(engine, 'w', Math.sin);
  const space = { engine, name: 'w', shape, settings, weight, outputs: 'rows' } as const;
  const target = {
    space,
    expand: denseExpander(engine, weight),
    dense: true,
    updateScale: 0.5,
    key: () => [0, 0] as const,
  };
  using updater = directedUpdater(target, change(adamDirection(space)));
  for (let step = 0; step < 3; step++) {
    const gradient = upload(engine, 'g', (i) => Math.cos(i + step));
    updater.update(gradient, { step, learningRate: 0.1 });
    engine.release(gradient);
  }
  const found = Float64Array.from(await engine.read(weight));
  engine.release(weight);
  return found;
}

describe('an updater', () => {
  it('updates a dense weight the same in one pass over memory and in two', async () => {
    using engine = createReferenceEngine();
    const onePass = await trained(engine, (direction) => direction);
    const twoPasses = await trained(engine, ({ updateDense: _, ...direction }) => direction);
    for (const [i, value] of onePass.entries()) expect(twoPasses[i]).toBeCloseTo(value, 14);
    expect(engine.ledger.live).toBe(0);
  });
});

import { describe, expect, it } from 'vitest';
import { fixedProjection } from '../../../tests/support/fixed-projection.js';
import { type Engine, threefry } from '../../engine/index.js';
import { createReferenceEngine } from '../../engine/reference/reference-engine.js';
import type { Sketch } from '../../keep/index.js';
import { Parameter } from '../../tape/index.js';
import { Optimizer } from '../optimizer.js';
import type { UpdateSpec } from '../update-spec.js';
import { adafactorDefaults } from './adafactor.js';
import { adam8bitDefaults } from './adam-8bit.js';
import { muonDefaults } from './muon.js';

const [outputs, inputs] = [5, 8];
const settings = { beta1: 0.9, beta2: 0.99, epsilon: 1e-6, epsilonForm: 'standard', weightDecay: 0.1 } as const;
const everything: Sketch = { group: 0, inputSize: inputs, rank: inputs, family: 'gaussian' };

function identity(size: number): Float64Array {
  return Float64Array.from({ length: size * size }, (_, i) => (i % (size + 1) === 0 ? 1 : 0));
}

/** Element of the gradient [out, in] of a step. */
const gradientAt = (step: number, out: number, input: number) => threefry([step, out], input, 7)[0] / 2 ** 31 - 1;

/** The weight [out, in] after ten steps on dense gradients, or on their projections by P = I. */
async function trained(engine: Engine, update: UpdateSpec, sketch: Sketch | undefined): Promise<Float64Array> {
  const tensor = engine.allocate({ shape: [outputs, inputs], role: 'weight', name: 'w' });
  engine.write(
    tensor,
    Float64Array.from({ length: outputs * inputs }, (_, i) => Math.sin(i)),
  );
  const parameter = new Parameter('w', tensor);
  const projections = fixedProjection(engine, identity(inputs));
  const rules = () => ({ update, sketch, scale: 0.5 });
  using optimizer = new Optimizer(engine, [parameter], { seed: 0, settings, rules, projections });
  for (let step = 0; step < 10; step++) {
    const shape = sketch ? [inputs, outputs] : [outputs, inputs];
    const [, width] = shape;
    parameter.gradient = engine.allocate({ shape, role: 'gradient', name: 'w' });
    engine.write(
      parameter.gradient,
      Float64Array.from({ length: outputs * inputs }, (_, i) => {
        const [row, column] = [Math.floor(i / width), i % width];
        return sketch ? gradientAt(step, column, row) : gradientAt(step, row, column);
      }),
    );
    optimizer.update(parameter, { step, learningRate: 0.05 });
  }
  const weight = Float64Array.from(await engine.read(tensor));
  engine.release(tensor);
  return weight;
}

describe('in the subspace of P = I, which is all of space', () => {
  it.each<UpdateSpec>([
    { name: 'adamw' },
    { name: 'sgd' },
    { ...adam8bitDefaults, minimumSize: 0 },
    { name: 'adam-mini', rowsPerBlock: 1 },
    adafactorDefaults,
    { ...adafactorDefaults, momentum: 0.9 },
    muonDefaults,
  ])('$name does what it does to a dense gradient', async (update) => {
    using engine = createReferenceEngine();
    const dense = await trained(engine, update, undefined);
    const compressed = await trained(engine, update, everything);
    for (const [i, value] of compressed.entries()) expect(Math.abs(value - dense[i])).toBeLessThan(1e-12);
    expect(engine.ledger.live).toBe(0);
  });
});

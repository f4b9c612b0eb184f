import { describe, expect, it } from 'vitest';
import { createDryEngine, InputError, ShapeError } from '../engine/index.js';
import { type Form, PlanError, resolveRank } from '../keep/index.js';
import { Llama, type LlamaConfig, presets } from '../models/index.js';
import type { MemoryPlan } from './memory-plan.js';
import { predict } from './predict.js';
import { makePlan } from './recipes.js';
import { resolvePlan } from './resolve.js';
import { TrainingProgram } from './training-program.js';

const config: LlamaConfig = { ...presets['llama-260k'], numHiddenLayers: 2 };
const optimizer = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, epsilonForm: 'standard', weightDecay: 0 } as const;
const plan = (names: string, options = {}) => makePlan(names.split(','), { layers: 2, ...options });

/** The plan with one more rule, which holds. */
function withSlot(names: string, match: string, form: Form): MemoryPlan {
  const made = plan(names);
  return { ...made, slots: [...made.slots, { match, form }] };
}

function dryRun(memoryPlan: MemoryPlan) {
  const request = { config, plan: memoryPlan, optimizer, seed: 0, threads: 1 };
  return predict({ ...request, batch: 1, sequenceLength: 4, accumulate: 1 });
}

describe('the rank of a layer', () => {
  it.each([
    [1 / 2, 5461, 2730],
    [1 / 4, 5461, 1365],
    [1 / 8, 5461, 683],
    [1 / 2, 5463, 2732],
    [1 / 2, 5, 2],
    [1 / 2, 7, 4],
    [1 / 4, 172, 43],
    [1 / 8, 172, 22],
    [1, 64, 64],
    [1e-6, 64, 1],
    [0.6, 4, 2],
    [0.65, 4, 3],
  ])('at ρ = %f of %d is %d: halves round to even', (ratio, inputSize, rank) => {
    expect(resolveRank({ ratio }, inputSize, 'w')).toBe(rank);
  });

  it('may be given, up to the width', () => {
    expect(resolveRank({ absolute: 64 }, 64, 'w')).toBe(64);
    expect(resolveRank({ absolute: 1 }, 64, 'w')).toBe(1);
    expect(() => resolveRank({ absolute: 65 }, 64, 'q_proj')).toThrow(InputError);
    expect(() => resolveRank({ absolute: 65 }, 64, 'q_proj')).toThrow(
      'rank 65 is larger than the input width 64 of q_proj',
    );
  });

  it('is refused before training where it does not fit', async () => {
    await expect(dryRun(plan('compact', { rank: { absolute: 100 } }))).rejects.toThrow(
      'rank 100 is larger than the input width 64 of model.layers.0.self_attn.q_proj.weight',
    );
    await expect(dryRun(plan('compact-down', { rank: { absolute: 100 } }))).resolves.toBeDefined();
  });
});

describe('a plan applied to a model', () => {
  it('has a sketch per layer, or per input', () => {
    using engine = createDryEngine({ threads: 1 });
    using model = new Llama(engine, config, 8);
    const groups = (names: string) => resolvePlan(plan(names), model).sketches.map(({ group }) => group);
    expect(new Set(groups('compact')).size).toBe(12);
    expect(groups('compact-shared')).toEqual([0, 0, 0, 1, 1, 2, 3, 3, 3, 4, 4, 5]);
    expect(new Set(groups('compact-down')).size).toBe(2);
    expect(groups('lean')).toEqual([]);
  });

  it('scales sketched updates by α, the output projection by its own factor, the rest by 1', () => {
    using engine = createDryEngine({ threads: 1 });
    using model = new Llama(engine, config, 8);
    const resolved = resolvePlan(plan('compact'), model);
    const scales = new Map(model.parameters.map((parameter) => [parameter.name, resolved.updateRule(parameter).scale]));
    expect(scales.get('model.layers.1.mlp.up_proj.weight')).toBe(0.25);
    expect(scales.get('model.layers.1.self_attn.o_proj.weight')).toBe(0.125);
    expect(scales.get('model.layers.1.input_layernorm.weight')).toBe(1);
    expect(scales.get('model.embed_tokens.weight')).toBe(1);
  });
});

describe('a plan that cannot be carried out is refused with a sentence', () => {
  it.each<[string, MemoryPlan, RegExp]>([
    [
      'a sketch before SwiGLU',
      withSlot('compact', '*.mlp.gate', 'sketch'),
      /"layers\.0\.mlp\.gate" feeds a non-linear op and cannot be a sketch/,
    ],
    [
      'a late sketch before attention',
      withSlot('lean', '*.self_attn.query', 'late-sketch'),
      /"layers\.0\.self_attn\.query" feeds a non-linear op/,
    ],
    ['a sketch before a norm', withSlot('compact', 'norm.input', 'sketch'), /"norm\.input" feeds a non-linear op/],
    [
      'a sketched input of an exact weight',
      withSlot('lean', '*.up_proj.input', 'sketch'),
      /"layers\.0\.mlp\.up_proj\.input" is a sketch, but "model\.layers\.0\.mlp\.up_proj\.weight" is not among/,
    ],
    [
      'a sketched output projection',
      withSlot('compact', '*.o_proj.input', 'sketch'),
      /"layers\.0\.self_attn\.o_proj\.input" is a sketch, but ".*o_proj\.weight" has no sketch/,
    ],
    [
      'an exact input of a sketched weight',
      withSlot('compact', '*.up_proj.input', 'exact'),
      /"model\.layers\.0\.mlp\.up_proj\.weight" is sketched, but its input .* has the form exact/,
    ],
    [
      'an alias of nothing',
      withSlot('lean', '*.q_proj.input', 'alias'),
      /"layers\.0\.self_attn\.q_proj\.input" is an alias, but no earlier slot/,
    ],
    [
      'a replay of a product',
      withSlot('lean', '*.mlp.gate', 'replay'),
      /"layers\.0\.mlp\.gate" cannot be a replay: computing it again takes a matrix product/,
    ],
    [
      'a replay of the ids',
      withSlot('lean', 'embed_tokens.ids', 'replay'),
      /"embed_tokens\.ids" is an input of the pass and cannot be a replay/,
    ],
    [
      'token ids in bf16',
      withSlot('lean', 'embed_tokens.ids', 'bf16'),
      /"embed_tokens\.ids" holds i32 and cannot be bf16/,
    ],
    [
      'sketches of no layer',
      { ...plan('lean'), sketches: sketchesOf('*.nothing.weight') },
      /no linear layer matches \*\.nothing\.weight/,
    ],
    [
      'turns of blocks with bases from the input',
      makePlan(['badam', 'compact'], { layers: 1, basis: 'prac' }),
      /blocks that take turns leave out the steps in which bases or moments would follow/,
    ],
    [
      'no optimizer for a parameter',
      { ...plan('lean'), optimizer: [{ match: '*_proj.weight', update: { name: 'adamw' } }] },
      /no optimizer is given for "model\.embed_tokens\.weight"/,
    ],
  ])('%s', async (_, memoryPlan, sentence) => {
    await expect(dryRun(memoryPlan)).rejects.toThrow(PlanError);
    await expect(dryRun(memoryPlan)).rejects.toThrow(sentence);
  });

  function sketchesOf(weight: string): MemoryPlan['sketches'] {
    const { sketches } = plan('compact');
    return sketches && { ...sketches, weights: [weight] };
  }

  it('while an alias of what is kept exactly is fine, and costs nothing', async () => {
    const bytes = async (memoryPlan: MemoryPlan) => (await dryRun(memoryPlan)).memory.peakByRole.saved;
    expect(await bytes(withSlot('full', '*.k_proj.input', 'alias'))).toBe(await bytes(plan('full')));
  });
});

describe('blocks that take turns', () => {
  it('keep moments of adamw only', () => {
    using engine = createDryEngine({ threads: 1 });
    using model = new Llama(engine, config, 8);
    const document: MemoryPlan = { ...plan('badam'), optimizer: [{ match: '*', update: { name: 'sgd' } }] };
    const mixed = () => new TrainingProgram(engine, model, document, { optimizer, seed: 0 });
    expect(mixed).toThrow(InputError);
    expect(mixed).toThrow('blocks that take turns keep moments of adamw, not of sgd');
  });
});

describe('a fused update', () => {
  it('has no global norm to clip by', () => {
    using engine = createDryEngine({ threads: 1 });
    using model = new Llama(engine, config, 8);
    const clipped = () =>
      new TrainingProgram(engine, model, plan('lean,fused-update'), { optimizer, seed: 0, clip: 1 });
    expect(clipped).toThrow(InputError);
    expect(clipped).toThrow('clipping by global norm needs all gradients at once');
  });

  it('cannot accumulate', async () => {
    const request = { config, plan: plan('lean,fused-update'), optimizer, seed: 0, threads: 1 };
    const predicted = predict({ ...request, batch: 1, sequenceLength: 4, accumulate: 2 });
    await expect(predicted).rejects.toThrow('cannot accumulate micro-batches');
    await expect(predicted).rejects.not.toThrow(ShapeError);
  });
});

import { describe, expect, it } from 'vitest';
import { stepSlopes } from '../src/engine/contract/step-slope.js';
import { deriveKey, type Engine, quantizedBits, type Tensor, threefry } from '../src/engine/index.js';
import { createReferenceEngine } from '../src/engine/reference/reference-engine.js';
import { SlotKeys } from '../src/keep/index.js';
import type { TrainableModel } from '../src/models/index.js';
import type { MemoryPlan } from '../src/plan/index.js';
import { Trainer } from '../src/train/index.js';
import { normalNumbers } from './contract/operands.js';
import { gradientOf, type Pass, relativeError, runPass, tinyBatch, tinyConfig, tinyPlan } from './support/tiny.js';
import { runAll, shaped, tinyData, tinySettings, weightsOf } from './support/training.js';

const config = shaped({ hiddenSize: 24, intermediateSize: 50, numHiddenLayers: 1 });
const batch = tinyBatch(config, 2, 8);

async function pass(
  methods: string,
  change: (plan: MemoryPlan) => MemoryPlan = (plan) => plan,
  step = 0,
): Promise<Pass> {
  using engine = createReferenceEngine();
  const options = methods.includes('velora') ? { groups: 5 } : {};
  return await runPass(engine, config, change(tinyPlan(methods, config, options)), [batch], { step });
}

const withForm = (match: string, form: MemoryPlan['slots'][number]['form']) => (plan: MemoryPlan) => ({
  ...plan,
  slots: [...plan.slots, { match, form }],
});

function differing(a: Pass, b: Pass): string[] {
  return [...a.gradients.keys()].filter((name) => relativeError(gradientOf(a, name), gradientOf(b, name)) > 0);
}

/** The mean of a gradient over passes whose rounding differs. */
async function meanGradient(name: string, change: (plan: MemoryPlan) => MemoryPlan, passes: number) {
  const sum = new Float64Array(gradientOf(await pass('full'), name).length);
  for (let step = 0; step < passes; step++) {
    for (const [i, value] of gradientOf(await pass('full', change, step), name).entries()) sum[i] += value / passes;
  }
  return sum;
}

describe('codes (Mesa)', () => {
  const round = async (values: Float64Array, bits: 8 | 4 | 2, stream: number) => {
    using engine = createReferenceEngine();
    const shape = [values.length];
    const allocate = (shape: readonly number[], dtype: 'f32' | 'u8' | 'bf16') =>
      engine.allocate({ shape, dtype, role: 'saved', name: 'tensor' });
    const [x, out] = [allocate(shape, 'f32'), allocate(shape, 'f32')];
    const codes = allocate([Math.ceil((values.length * bits) / 8)], 'u8');
    const scales = allocate([Math.ceil(values.length / 128), 2], 'bf16');
    engine.write(x, values);
    engine.run('quantize', { x, codes, scales, bits, key: deriveKey(1, 'keeping', stream, 0) });
    engine.run('dequantize', { codes, scales, bits, out });
    return { restored: await engine.read(out), scales: await engine.read(scales) };
  };

  it.each(quantizedBits)(
    'of %i bits are off by less than a step, at any length, and never beyond the range',
    async (bits) => {
      for (const length of [1, 2, 3, 5, 127, 128, 129, 301]) {
        const values = normalNumbers([length, bits], length, 3, 1);
        const { restored, scales } = await round(values, bits, length);
        for (const [i, value] of values.entries()) {
          const [step, minimum] = scales.slice(2 * Math.floor(i / 128));
          expect(Math.abs(restored[i] - value)).toBeLessThan(step);
          expect(restored[i]).toBeGreaterThanOrEqual(minimum);
          expect(restored[i]).toBeLessThanOrEqual(minimum + (2 ** bits - 1) * step);
        }
      }
    },
  );

  it.each(quantizedBits)('of %i bits have the numbers as their mean', async (bits) => {
    const values = normalNumbers([9, bits], 128, 1, 0);
    const mean = new Float64Array(128);
    const rounds = 400;
    let step = 0;
    for (let stream = 0; stream < rounds; stream++) {
      const { restored, scales } = await round(values, bits, stream);
      step = scales[0];
      for (let i = 0; i < 128; i++) mean[i] += restored[i] / rounds;
    }
    // A rounding has a deviation of at most half a step; five deviations of the mean of 400.
    for (const [i, value] of values.entries()) expect(Math.abs(mean[i] - value)).toBeLessThan((5 * step) / 2 / 20);
  });

  it('change with the slot, the step, the micro-batch and the seed, and with nothing else', () => {
    const keyOf = (seed: number, step: number, microBatch: number, slot: string) => {
      const keys = new SlotKeys(seed);
      keys.moveTo({ step, microBatch });
      return keys.of(slot).join();
    };
    const keys = [
      keyOf(1, 2, 3, 'a.gate'),
      keyOf(2, 2, 3, 'a.gate'),
      keyOf(1, 3, 3, 'a.gate'),
      keyOf(1, 2, 4, 'a.gate'),
    ];
    keys.push(keyOf(1, 2, 3, 'b.gate'));
    expect(new Set(keys).size).toBe(5);
    expect(keyOf(1, 2, 3, 'a.gate')).toBe(keys[0]);
  });

  it('of a linear layer’s input touch its own gradient only, which has the exact one as its mean', async () => {
    const name = 'model.layers.0.mlp.down_proj.weight';
    const change = withForm('*.down_proj.input', 'quant-2');
    const exact = await pass('full');
    const coded = await pass('full', change);
    expect(coded.loss).toBe(exact.loss);
    expect(differing(coded, exact)).toEqual([name]);
    const single = relativeError(gradientOf(coded, name), gradientOf(exact, name));
    const mean = relativeError(await meanGradient(name, change, 100), gradientOf(exact, name));
    expect(single).toBeGreaterThan(0.05);
    // A tenth of one rounding's error, give or take.
    expect(mean).toBeLessThan(single / 5);
  });

  it('leave loss and forward pass as they are', async () => {
    expect((await pass('mesa')).loss).toBe((await pass('lean')).loss);
  });
});

describe('sub-tokens (VeLoRA)', () => {
  it('touch only the gradients of value and down', async () => {
    const [exact, cut] = [await pass('full'), await pass('velora')];
    expect(cut.loss).toBe(exact.loss);
    expect(differing(cut, exact).sort()).toEqual([
      'model.layers.0.mlp.down_proj.weight',
      'model.layers.0.self_attn.v_proj.weight',
    ]);
  });

  it('give the exact gradient where a sub-token is one number, times the scale', async () => {
    const whole = (scale: number) => (plan: MemoryPlan) => ({
      ...plan,
      slots: plan.slots.map((rule) =>
        rule.match === '*.down_proj.input' ? { ...rule, form: 'exact' as const } : rule,
      ),
      subtokens: { weights: ['*.v_proj.weight'], groups: 24, scale },
    });
    const name = 'model.layers.0.self_attn.v_proj.weight';
    const exact = gradientOf(await pass('full'), name);
    expect(relativeError(gradientOf(await pass('velora', whole(1)), name), exact)).toBeLessThan(1e-14);
    const halved = gradientOf(await pass('velora', whole(0.5)), name).map((x) => 2 * x);
    expect(relativeError(halved, exact)).toBeLessThan(1e-14);
  });

  it('equal reconstructing the input and multiplying it: P·(Zᵀ·D) = (Z·Pᵀ)ᵀ·D', async () => {
    using engine = createReferenceEngine();
    const [tokens, n, m, size] = [9, 23, 6, 5];
    const tensor = (shape: readonly number[], stream?: number): Tensor => {
      const made = engine.allocate({ shape, role: 'activation', name: 'tensor' });
      const count = shape.reduce((a, b) => a * b, 1);
      if (stream !== undefined) engine.write(made, normalNumbers([stream, 1], count, 1, 0.3));
      return made;
    };
    const [x, dy] = [tensor([tokens, n], 1), tensor([tokens, m], 2)];
    const direction = tensor([size]);
    engine.run('subtokenDirection', { x, out: direction });
    const v = Float64Array.from(await engine.read(direction));
    expect(v.reduce((sum, entry) => sum + entry * entry, 0)).toBeCloseTo(1, 12);
    const groups = Math.ceil(n / size);
    const [z, coefficients, dW, restored, wanted] = [
      tensor([tokens, groups]),
      tensor([m, groups]),
      tensor([m, n]),
      tensor([tokens, n]),
      tensor([m, n]),
    ];
    engine.run('subtokenProject', { x, direction, out: z });
    engine.run('gemm', { a: dy, b: z, transA: true, out: coefficients });
    engine.run('subtokenExpand', { coefficients, direction, out: dW, factor: 1 });
    engine.run('subtokenExpand', { coefficients: z, direction, out: restored, factor: 1 });
    engine.run('gemm', { a: dy, b: restored, transA: true, out: wanted });
    const [got, want] = [await engine.read(dW), await engine.read(wanted)];
    expect(relativeError(Float64Array.from(got), Float64Array.from(want))).toBeLessThan(1e-14);
    // Restored twice is restored once, a projection onto v, where sub-tokens are whole.
    const again = tensor([tokens, groups]);
    engine.run('subtokenProject', { x: restored, direction, out: again });
    const [twice, once] = [await engine.read(again), await engine.read(z)];
    for (const [i, value] of once.entries()) {
      if (i % groups < groups - 1) expect(Math.abs(twice[i] - value)).toBeLessThan(1e-13);
    }
  });

  it('keep the direction of the first micro-batch', async () => {
    const settings = tinySettings({ methods: 'velora', options: { groups: 8 }, accumulate: 2, steps: 3 });
    const directions: Float32Array[] = [];
    await using trainer = await Trainer.open({ settings, data: tinyData(settings), engine: 'reference' });
    for await (const _ of trainer.run()) {
      const { tensor } = stateOf(trainer, 'model.layers.1.self_attn.v_proj.weight.subtoken_direction');
      directions.push(Float32Array.from(await trainer.engine.read(tensor)));
    }
    expect(directions[0].some((x) => x !== 0)).toBe(true);
    expect(directions[1]).toEqual(directions[0]);
    expect(directions[2]).toEqual(directions[0]);
  });
});

function stateOf(trainer: Trainer, name: string): { readonly tensor: Tensor } {
  const tensor = trainer.state.get(name);
  if (!tensor) throw new Error(`no state ${name} among ${[...trainer.state.keys()].join(', ')}`);
  return { tensor };
}

describe('mixtures of tokens', () => {
  const name = 'model.layers.0.mlp.down_proj.weight';
  const change = (ratio: number) => (plan: MemoryPlan) => ({
    ...plan,
    tokenRatio: ratio,
    slots: [...plan.slots, { match: '*.down_proj.input', form: 'token-sketch' as const }],
  });

  it('touch the layer’s own gradient only, and agree with it on average', async () => {
    const exact = await pass('full');
    const mixed = await pass('full', change(0.5));
    expect(mixed.loss).toBe(exact.loss);
    expect(differing(mixed, exact)).toEqual([name]);
    const mean = relativeError(await meanGradient(name, change(0.5), 200), gradientOf(exact, name));
    expect(mean).toBeLessThan(relativeError(gradientOf(mixed, name), gradientOf(exact, name)) / 5);
  });

  it('have the published variance: E‖Ĝ − G‖² = (‖X‖²·‖D‖² + ‖G‖²)/k', async () => {
    using engine = createReferenceEngine();
    const [tokens, n, m, k] = [24, 5, 4, 6];
    const tensor = (shape: readonly number[], stream?: number) => {
      const made = engine.allocate({ shape, role: 'activation', name: 'tensor' });
      if (stream !== undefined) engine.write(made, normalNumbers([stream, 2], shape[0] * shape[1], 1, 0.4));
      return made;
    };
    const [x, dy, s] = [tensor([tokens, n], 1), tensor([tokens, m], 2), tensor([tokens, k])];
    const [mixedX, mixedD, got, want] = [tensor([k, n]), tensor([k, m]), tensor([m, n]), tensor([m, n])];
    engine.run('gemm', { a: dy, b: x, transA: true, out: want });
    const squares = async (one: Tensor) =>
      Float64Array.from(await engine.read(one)).reduce((sum, entry) => sum + entry ** 2, 0);
    const exact = Float64Array.from(await engine.read(want));
    const rounds = 3000;
    let error = 0;
    for (let round = 0; round < rounds; round++) {
      engine.run('random', { out: s, family: 'gaussian', key: [round, 9], deviation: 1 / Math.sqrt(k) });
      engine.run('gemm', { a: s, b: x, transA: true, out: mixedX });
      engine.run('gemm', { a: s, b: dy, transA: true, out: mixedD });
      engine.run('gemm', { a: mixedD, b: mixedX, transA: true, out: got });
      for (const [i, value] of (await engine.read(got)).entries()) error += (value - exact[i]) ** 2 / rounds;
    }
    const predicted = ((await squares(x)) * (await squares(dy)) + (await squares(want))) / k;
    expect(Math.abs(error / predicted - 1)).toBeLessThan(0.05);
  });
});

describe('two-bit derivatives (Approx-BP)', () => {
  it.each(Object.entries(stepSlopes))(
    '%s: its weights sum to 1, and to 0 with their thresholds',
    (_, { weights, thresholds }) => {
      const sum = (terms: readonly number[]) => terms.reduce((a, b) => a + b, 0);
      expect(Math.abs(sum(weights) - 1)).toBeLessThan(1e-14);
      expect(Math.abs(sum(weights.map((a, i) => a * thresholds[i])))).toBeLessThan(1e-14);
    },
  );

  it.each(Object.entries(stepSlopes))(
    '%s: is the slope of Σ aᵢ·max(x − cᵢ, 0)',
    async (name, { weights, thresholds }) => {
      using engine = createReferenceEngine();
      const values = normalNumbers([5, 5], 203, 4, 0);
      const function_ = name as keyof typeof stepSlopes;
      const [x, dy] = [values, new Float64Array(203).fill(1)].map((content) => {
        const tensor = engine.allocate({ shape: [203], role: 'activation', name });
        engine.write(tensor, content);
        return tensor;
      });
      const codes = engine.allocate({ shape: [51], dtype: 'u8', role: 'saved', name });
      engine.run('slopeCodes', { x, codes, function: function_ });
      engine.run('slopeBackward', { codes, dy, dx: dy, function: function_ });
      const slopes = await engine.read(dy);
      const h = (at: number) => weights.reduce((sum: number, a, i) => sum + a * Math.max(at - thresholds[i], 0), 0);
      for (const [i, value] of values.entries()) {
        if (thresholds.some((c) => Math.abs(c - value) < 1e-3)) continue;
        expect(Math.abs(slopes[i] - (h(value + 1e-4) - h(value - 1e-4)) / 2e-4)).toBeLessThan(1e-6);
      }
    },
  );

  it('leave the forward pass as it is, and all gradients that do not go through a gate', async () => {
    const [exact, stepped] = [await pass('full'), await pass('approxbp')];
    expect(stepped.loss).toBe(exact.loss);
    const same = [
      'lm_head.weight',
      'model.norm.weight',
      'model.layers.0.mlp.down_proj.weight',
      'model.layers.0.mlp.up_proj.weight',
    ];
    for (const name of same)
      expect(relativeError(gradientOf(stepped, name), gradientOf(exact, name))).toBeLessThan(1e-14);
    const gate = 'model.layers.0.mlp.gate_proj.weight';
    const error = relativeError(gradientOf(stepped, gate), gradientOf(exact, gate));
    expect(error).toBeGreaterThan(0.01);
    expect(error).toBeLessThan(1.5);
  });
});

describe('memory-sharing norms', () => {
  /** Norms with other weights than 1. */
  const withGammas = (engine: Engine) => (model: TrainableModel) => {
    for (const [index, { name, tensor }] of model.parameters.entries()) {
      if (!name.includes('layernorm')) continue;
      const [word] = threefry([index, 3], 0, 0);
      engine.write(
        tensor,
        Float64Array.from({ length: tensor.shape[0] }, (_, i) => 1 + (((word >>> (i % 24)) & 7) - 3) / 8),
      );
    }
  };

  it('compute the same function after the merge: (x̂∘γ)·Wᵀ = x̂·(W·diag(γ))ᵀ', async () => {
    using engine = createReferenceEngine();
    const run = (methods: string) =>
      runPass(engine, tinyConfig, tinyPlan(methods, tinyConfig), [tinyBatch(tinyConfig, 2, 8)], {
        prepare: withGammas(engine),
      });
    const [affine, merged] = [await run('lean'), await run('msnorm')];
    expect(Math.abs(merged.loss - affine.loss)).toBeLessThan(1e-13);
    // ∂L/∂W = ∂L/∂(W·diag(γ))·diag(γ); weights behind no norm have the same gradient.
    for (const name of [
      'model.layers.0.self_attn.o_proj.weight',
      'model.layers.1.mlp.down_proj.weight',
      'lm_head.weight',
    ]) {
      expect(relativeError(gradientOf(merged, name), gradientOf(affine, name))).toBeLessThan(1e-12);
    }
    expect([...merged.gradients.keys()].filter((name) => name.includes('layernorm'))).toEqual([]);
  });

  it('train to the weights that frozen norms of 1 train to', async () => {
    const settings = tinySettings({ methods: 'msnorm', steps: 4 });
    await using trainer = await Trainer.open({ settings, data: tinyData(settings), engine: 'reference' });
    const reports = await runAll(trainer);
    expect(reports[3].loss).toBeLessThan(reports[0].loss + 0.5);
    for (const [name, weight] of await weightsOf(trainer)) {
      if (name.includes('layernorm'))
        expect(
          weight.every((x) => x === 1),
          name,
        ).toBe(true);
    }
  });
});

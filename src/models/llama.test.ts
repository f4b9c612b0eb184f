import { describe, expect, it } from 'vitest';
import { nextLogits } from '../../tests/support/next-logits.js';
import type { Engine } from '../engine/index.js';
import { createReferenceEngine } from '../engine/reference/reference-engine.js';
import { Tape } from '../tape/index.js';
import { KeyValueCache } from './key-value-cache.js';
import { Llama, llamaShapes } from './llama.js';
import type { LlamaConfig } from './llama-config.js';
import { presets } from './presets.js';

const config: LlamaConfig = {
  ...presets['llama-260k'],
  vocabSize: 23,
  hiddenSize: 16,
  intermediateSize: 22,
  numHiddenLayers: 2,
  numAttentionHeads: 4,
  numKeyValueHeads: 2,
  initializerRange: 0.3,
};
const untied = { ...config, tieWordEmbeddings: false };

/** Summed loss of sequences of equal length; −100 takes no part. */
async function lossOf(engine: Engine, model: Llama, sequences: readonly number[][], targets: readonly number[][]) {
  const upload = (name: string, values: readonly number[]) => {
    const tensor = engine.allocate({ shape: [values.length], dtype: 'i32', role: 'data', name });
    engine.write(tensor, Int32Array.from(values));
    return tensor;
  };
  const loss = engine.allocate({ shape: [1], role: 'workspace', name: 'loss' });
  engine.run('fill', { out: loss, value: 0 });
  const tensors = { ids: upload('ids', sequences.flat()), targets: upload('targets', targets.flat()) };
  const tokens = { ids: tensors.ids, batch: sequences.length, sequenceLength: sequences[0].length };
  model.loss(new Tape(engine), tokens, { targets: tensors.targets, loss, scale: 1 }, { form: 'fused', chunk: 5 });
  const [value] = await engine.read(loss);
  for (const tensor of [loss, tensors.ids, tensors.targets]) engine.release(tensor);
  return value;
}

/** Logits after the last token. */
async function logitsAfter(engine: Engine, model: Llama, ids: readonly number[]): Promise<Float64Array> {
  using cache = new KeyValueCache(engine, model.config, ids.length);
  return await nextLogits(engine, model, cache, ids);
}

async function withModel(given: LlamaConfig, body: (engine: Engine, model: Llama) => Promise<void>) {
  using engine = createReferenceEngine();
  {
    using model = new Llama(engine, given, 16);
    model.initialize(3);
    const before = engine.ledger.live;
    await body(engine, model);
    expect(engine.ledger.live, 'inference leaves nothing').toBe(before);
    expect(engine.ledger.read().peakByRole.saved, 'inference keeps nothing').toBe(0);
  }
  expect(engine.ledger.live).toBe(0);
}

describe('the presets', () => {
  it.each([
    ['llama-260k', 260_032],
    ['llama-9m', 8_995_968],
    ['llama-20m', 19_548_416],
    ['llama-35m', 35_197_824],
    ['llama-60m', 58_073_600],
    ['llama-130m', 134_105_856],
    ['llama-350m', 367_969_280],
    ['llama-1b', 1_339_082_752],
    ['llama-3b', 2_685_831_680],
    ['llama-7b', 6_738_415_616],
  ] as const)('%s has %d parameters', (name, expected) => {
    const sizes = [...llamaShapes(presets[name]).values()].map((shape) => shape.reduce((a, b) => a * b, 1));
    expect(sizes.reduce((a, b) => a + b, 0)).toBe(expected);
  });

  it('are all of them', () => {
    expect(Object.keys(presets).filter((name) => name.startsWith('llama-'))).toHaveLength(10);
  });
});

describe('the weights', () => {
  it('are Hugging Face’s by name and shape, [out, in]', () => {
    const shapes = llamaShapes(untied);
    expect(shapes.get('model.embed_tokens.weight')).toEqual([23, 16]);
    expect(shapes.get('model.layers.1.self_attn.k_proj.weight')).toEqual([8, 16]);
    expect(shapes.get('model.layers.1.mlp.down_proj.weight')).toEqual([16, 22]);
    expect(shapes.get('model.layers.0.post_attention_layernorm.weight')).toEqual([16]);
    expect(shapes.get('lm_head.weight')).toEqual([23, 16]);
    expect(shapes.size).toBe(3 + 2 * 9);
    expect(llamaShapes(config).has('lm_head.weight')).toBe(false);
  });

  it('whose gradients can be compressed are linears with an input slot of that width', () =>
    withModel(config, async (_, model) => {
      const shapes = llamaShapes(config);
      expect(model.sketchableLinears).toHaveLength(12);
      for (const { weight, slot, inputSize } of model.sketchableLinears) {
        expect(shapes.get(weight)?.[1]).toBe(inputSize);
        expect(`model.${slot}`).toBe(weight.replace(/weight$/, 'input'));
        expect(weight).not.toContain('o_proj');
      }
    }));

  it('start from the seed: norms 1, matrices normal, all different', async () => {
    const valuesOf = async (seed: number) => {
      using engine = createReferenceEngine();
      using model = new Llama(engine, { ...untied, hiddenSize: 64, intermediateSize: 100 }, 4);
      model.initialize(seed);
      const read = model.parameters.map(
        async ({ name, tensor }): Promise<[string, number[]]> => [name, [...(await engine.read(tensor))]],
      );
      return new Map(await Promise.all(read));
    };
    const values = await valuesOf(1);
    expect(await valuesOf(1)).toEqual(values);
    const starts = new Set<number>();
    for (const [name, weights] of values) {
      if (name.endsWith('norm.weight')) expect(new Set(weights)).toEqual(new Set([1]));
      else {
        const deviation = Math.sqrt(weights.reduce((sum, w) => sum + w * w, 0) / weights.length);
        // The deviation of the sample's is 1/√(2N).
        expect(Math.abs(deviation / 0.3 - 1), name).toBeLessThan(4 / Math.sqrt(2 * weights.length));
        starts.add(weights[0]);
      }
    }
    expect(starts.size).toBe(2 + 2 * 7);
    expect((await valuesOf(2)).get('lm_head.weight')).not.toEqual(values.get('lm_head.weight'));
  });
});

describe.each([
  ['a tied head', config],
  ['a head of its own', untied],
])('with %s', (_, given) => {
  const sequences = [
    [1, 5, 2, 22, 7, 3],
    [4, 4, 0, 9, 11, 8],
  ];
  const targets = sequences.map((ids) => [...ids.slice(1), 17]);

  it('the loss is the sum of −log p of the next tokens, as generation sees them', () =>
    withModel(given, async (engine, model) => {
      let expected = 0;
      for (const [row, ids] of sequences.entries()) {
        for (const [i, target] of targets[row].entries()) {
          const logits = await logitsAfter(engine, model, ids.slice(0, i + 1));
          const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
          expected += Math.log(total) - logits[target];
        }
      }
      expect(await lossOf(engine, model, sequences, targets)).toBeCloseTo(expected, 11);
    }));

  it('sequences of a batch do not see each other, and ignored targets do not count', () =>
    withModel(given, async (engine, model) => {
      const alone = await lossOf(engine, model, [sequences[0]], [targets[0]]);
      const other = await lossOf(engine, model, [sequences[1]], [targets[1]]);
      expect(await lossOf(engine, model, sequences, targets)).toBeCloseTo(alone + other, 11);
      const ignored = targets[1].map(() => -100);
      expect(await lossOf(engine, model, sequences, [targets[0], ignored])).toBeCloseTo(alone, 11);
    }));

  it('a token sees what came before it, and nothing after', () =>
    withModel(given, async (engine, model) => {
      const first = [targets[0].map((target, i) => (i < 3 ? target : -100))];
      const changedLater = [[...sequences[0].slice(0, 3), 20, 21, 22]];
      expect(await lossOf(engine, model, changedLater, first)).toBe(await lossOf(engine, model, [sequences[0]], first));
      const changedBefore = [[2, ...sequences[0].slice(1)]];
      expect(await lossOf(engine, model, changedBefore, first)).not.toBe(
        await lossOf(engine, model, [sequences[0]], first),
      );
    }));
});

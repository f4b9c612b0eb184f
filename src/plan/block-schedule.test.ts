import { describe, expect, it } from 'vitest';
import { createDryEngine } from '../engine/index.js';
import { createReferenceEngine } from '../engine/reference/reference-engine.js';
import { Llama, presets } from '../models/index.js';
import { Parameter } from '../tape/index.js';
import { BlockSchedule } from './block-schedule.js';
import { usualBatch } from './host-batch.js';
import { type BlockOrder, parsePlan } from './memory-plan.js';
import { makePlan } from './recipes.js';
import { TrainingProgram } from './training-program.js';

const config = { ...presets['llama-260k'], vocabSize: 30, numHiddenLayers: 3, tieWordEmbeddings: false };
const optimizer = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, epsilonForm: 'standard', weightDecay: 0 } as const;

function parametersNamed(...names: readonly string[]): Parameter[] {
  const engine = createDryEngine({ threads: 1 });
  return names.map((name) => new Parameter(name, engine.allocate({ shape: [1], role: 'weight', name })));
}

function schedule(order: BlockOrder, switchEvery = 1, seed = 0): BlockSchedule {
  const names = [
    'model.embed_tokens.weight',
    'model.layers.0.a',
    'model.layers.1.a',
    'model.layers.2.a',
    'lm_head.weight',
  ];
  return new BlockSchedule(parametersNamed(...names), { switchEvery, order }, seed);
}

function turns(of: BlockSchedule, steps: number): number[] {
  return Array.from({ length: steps }, (_, step) => of.at(step).block);
}

describe('the blocks', () => {
  it('are the embeddings, each transformer block in order, and the rest', () => {
    const parameters = parametersNamed(
      ...['wte.weight', 'wpe.weight', 'h.0.attn.weight', 'h.10.attn.weight', 'h.2.attn.weight', 'h.2.mlp.weight'],
      ...['ln_f.weight', 'bert.encoder.layer.1.output.dense.weight', 'classifier.bias'],
    );
    const { blocks } = new BlockSchedule(parameters, { switchEvery: 1, order: 'ascending' }, 0);
    expect(blocks.map((block) => block.map(({ name }) => name))).toEqual([
      ['wte.weight', 'wpe.weight'],
      ['h.0.attn.weight'],
      ['bert.encoder.layer.1.output.dense.weight'],
      ['h.2.attn.weight', 'h.2.mlp.weight'],
      ['h.10.attn.weight'],
      ['ln_f.weight', 'classifier.bias'],
    ]);
  });

  it('leave out what is frozen', () => {
    const parameters = parametersNamed('embeddings.weight', 'layers.0.a', 'layers.1.a', 'head.weight');
    for (const parameter of parameters) parameter.trainable = !/embed|layers\.0/.test(parameter.name);
    const { blocks } = new BlockSchedule(parameters, { switchEvery: 1, order: 'ascending' }, 0);
    expect(blocks.map((block) => block.map(({ name }) => name))).toEqual([['layers.1.a'], ['head.weight']]);
  });
});

describe('the turns', () => {
  it('go up, or down', () => {
    expect(turns(schedule('ascending'), 7)).toEqual([0, 1, 2, 3, 4, 0, 1]);
    expect(turns(schedule('descending'), 7)).toEqual([4, 3, 2, 1, 0, 4, 3]);
  });

  it('are permutations of the blocks, another one in each pass, the same for the same seed', () => {
    const order = turns(schedule('random'), 30);
    const passes = Array.from({ length: 6 }, (_, pass) => order.slice(5 * pass, 5 * pass + 5));
    for (const pass of passes) expect([...pass].sort()).toEqual([0, 1, 2, 3, 4]);
    expect(new Set(passes.map(String)).size).toBeGreaterThan(3);
    expect(turns(schedule('random'), 30)).toEqual(order);
    expect(turns(schedule('random', 1, 1), 30)).not.toEqual(order);
  });

  it('last as many steps as they are told to, and each block has its step', () => {
    for (const order of ['random', 'ascending', 'descending'] as const) {
      const slow = schedule(order, 3);
      expect(turns(slow, 30)).toEqual(turns(schedule(order), 10).flatMap((block) => [block, block, block]));
      expect(Array.from({ length: 7 }, (_, step) => slow.at(step).stepOfTurn)).toEqual([0, 1, 2, 0, 1, 2, 0]);
      expect(slow.firstPass).toEqual([0, 3, 6, 9, 12]);
      for (const block of slow.blocks.keys()) expect(slow.at(slow.stepOf(block))).toEqual({ block, stepOfTurn: 0 });
    }
  });
});

describe('training by turns', () => {
  it('changes the weights of the block whose turn it is, and no others', async () => {
    using engine = createReferenceEngine();
    using model = new Llama(engine, config, 4);
    model.initialize(1);
    const plan = parsePlan(makePlan(['badam'], { layers: 3, switchEvery: 2, blockOrder: 'ascending' }), 'plan');
    using program = new TrainingProgram(engine, model, plan, { optimizer, seed: 0 });
    const values = async () => {
      const read = await Promise.all(model.parameters.map(async ({ tensor }) => String(await engine.read(tensor))));
      return new Map(read.map((text, index) => [model.parameters[index].name, text]));
    };
    const ids = Int32Array.of(3, 1, 2, 5);
    const batch = { ...usualBatch(config, 1, 4), inputs: ids, targets: Int32Array.of(1, 2, 5, 7) };
    let before = await values();
    for (const [turn, pattern] of [
      /embed/,
      /layers\.0\./,
      /layers\.1\./,
      /layers\.2\./,
      /lm_head|norm\.weight/,
    ].entries()) {
      for (let step = 2 * turn; step < 2 * turn + 2; step++) await program.step([batch], { step, learningRate: 0.1 });
      const after = await values();
      for (const [name, text] of after) {
        const changed = text !== before.get(name);
        const mayChange = pattern.test(name) && (turn === 4 || !name.startsWith('model.norm'));
        expect(changed, name).toBe(mayChange && (turn !== 4 || !name.includes('layers')));
      }
      before = after;
    }
  });

  it('takes the moments of the largest block', () => {
    using engine = createDryEngine({ threads: 1 });
    using model = new Llama(engine, config, 4);
    using _program = new TrainingProgram(engine, model, makePlan(['badam'], { layers: 3 }), { optimizer, seed: 0 });
    const block = model.parameters.filter(({ name }) => name.startsWith('model.layers.0.'));
    const elements = block.reduce((sum, { tensor }) => sum + tensor.shape.reduce((a, b) => a * b, 1), 0);
    expect(engine.ledger.read().liveByRole.optimizer).toBe(2 * 4 * elements);
  });
});

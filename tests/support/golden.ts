import type { Engine } from '../../src/engine/index.js';
import { KeyValueCache, Llama } from '../../src/models/index.js';
import { TrainingProgram } from '../../src/plan/index.js';
import { Tape } from '../../src/tape/index.js';
import { adamSettings, oddConfig, runPass, tinyBatch, tinyPlan } from './tiny.js';

/** The numbers of a whole tiny model: what comes out, what flows back, and how it trains. */
export interface Golden {
  /** After the last token of one sequence, [V]. */
  readonly logits: readonly number[];
  readonly loss: number;
  /** Euclidean norm of each weight's gradient. */
  readonly gradientNorms: Readonly<Record<string, number>>;
  /** Losses of six steps, by method; projections are made anew after the third. */
  readonly losses: Readonly<Record<string, readonly number[]>>;
}

const seed = 20_240_601;
const [batch, sequenceLength] = [2, 7];

export const goldenMethods = ['full', 'lean', 'checkpoint', 'compact', 'compact-shared'] as const;

/** Works out the golden numbers on an engine. Odd widths, grouped keys, a tied head; weights and tokens from seeds. */
export async function computeGolden(engine: Engine): Promise<Golden> {
  const host = tinyBatch(oddConfig, batch, sequenceLength);
  const { loss, gradients } = await runPass(engine, oddConfig, tinyPlan('lean', oddConfig), [host], { seed });
  const norms = [...gradients].map(([name, values]): [string, number] => [name, Math.hypot(...values)]);
  const losses: Record<string, readonly number[]> = {};
  for (const method of goldenMethods) losses[method] = await trainSteps(engine, method);
  return {
    logits: await lastLogits(engine, host.inputs.slice(0, sequenceLength)),
    loss,
    gradientNorms: Object.fromEntries(norms),
    losses,
  };
}

async function lastLogits(engine: Engine, inputs: Int32Array): Promise<readonly number[]> {
  using model = new Llama(engine, oddConfig, sequenceLength);
  model.initialize(seed);
  using cache = new KeyValueCache(engine, oddConfig, sequenceLength);
  const ids = engine.allocate({ shape: [sequenceLength], dtype: 'i32', role: 'data', name: 'ids' });
  engine.write(ids, inputs);
  const logits = model.nextLogits(new Tape(engine), { ids, batch: 1, sequenceLength }, cache);
  const values = Array.from(await engine.read(logits));
  engine.release(logits);
  engine.release(ids);
  return values;
}

async function trainSteps(engine: Engine, method: string): Promise<readonly number[]> {
  using model = new Llama(engine, oddConfig, sequenceLength);
  model.initialize(seed);
  const plan = tinyPlan(method, oddConfig, method.startsWith('compact') ? { updateGap: 3 } : {});
  const optimizer = { ...adamSettings, weightDecay: 0.1 };
  using program = new TrainingProgram(engine, model, plan, { optimizer, seed, clip: 1 });
  const losses: number[] = [];
  for (let step = 0; step < 6; step++) {
    const microBatches = [0, 1].map((part) => tinyBatch(oddConfig, batch, sequenceLength, 2 * step + part));
    losses.push((await program.step(microBatches, { step, learningRate: 0.01 })).loss);
  }
  return losses;
}

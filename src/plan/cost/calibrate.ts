import type { Engine } from '../../engine/index.js';
import { type LlamaConfig, presets } from '../../models/index.js';
import type { HostBatch } from '../host-batch.js';
import type { MemoryPlan } from '../memory-plan.js';
import { createPlannedModel } from '../planned-model.js';
import { makePlan } from '../recipes.js';
import { TrainingProgram } from '../training-program.js';
import type { KernelRate } from './rates.js';
import { type TimedCall, timeCalls } from './timed-calls.js';
import { kindOf } from './work.js';

/** Wide enough for kernels to run as they do in large models, small enough to take a moment. */
const config: LlamaConfig = { ...presets['llama-60m'], vocabSize: 8192, numHiddenLayers: 1 };
const shape = { batch: 4, sequenceLength: 256 } as const;

/** Together they run the ops that most plans have; the others are priced like the op they are most like. */
const combinations = [['full'], ['lean', 'compact']] as const;

/** Timed steps of each; an op's best time counts, since whatever else the machine does only adds. */
const steps = 3;

/** Rates of an engine's kernels, by op and storage, measured in training steps of a small model. Takes a few seconds. */
export async function calibrate(engine: Engine): Promise<Record<string, KernelRate>> {
  const byKind = new Map<string, TimedCall[]>();
  for (const dtype of ['f32', 'bf16'] as const) {
    for (const methods of combinations) {
      const plan = makePlan(methods, { layers: config.numHiddenLayers, dtype });
      // What a bf16 step does in f32 is of the kinds that the f32 step showed at their usual sizes.
      for (const call of (await bestCalls(engine, plan)).filter(({ bf16 }) => bf16 === (dtype === 'bf16'))) {
        const kind = kindOf(call);
        byKind.set(kind, [...(byKind.get(kind) ?? []), call]);
      }
    }
  }
  return Object.fromEntries([...byKind].map(([kind, calls]) => [kind, fitRate(calls)]));
}

/** The ops of a step in their order, each with the least time it took. */
async function bestCalls(engine: Engine, plan: MemoryPlan): Promise<readonly TimedCall[]> {
  using model = createPlannedModel(engine, config, shape.sequenceLength, plan);
  model.initialize(0);
  using program = new TrainingProgram(engine, model, plan, {
    optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, epsilonForm: 'standard', weightDecay: 0 },
    clip: 1,
    seed: 0,
  });
  let best: readonly TimedCall[] = [];
  for (let step = 0; step <= steps; step++) {
    const { calls } = await timeCalls(engine, () => program.step([someTokens()], { step: 0, learningRate: 1e-3 }));
    const known = best;
    best = calls.map((call, index) => ({
      ...call,
      seconds: Math.min(call.seconds, known[index]?.seconds ?? Number.POSITIVE_INFINITY),
    }));
  }
  return best;
}

function someTokens(): HostBatch {
  const tokens = Int32Array.from({ length: shape.batch * shape.sequenceLength }, (_, i) => (i * 31) % config.vocabSize);
  return { ...shape, inputs: tokens, targets: tokens };
}

/**
 * Matrix products: least squares of seconds = flops·perFlop + bytes·perByte, each call weighted by 1/seconds so that small
 * products count too; neither rate may be negative. Other ops: by their bytes alone.
 */
function fitRate(calls: readonly TimedCall[]): KernelRate {
  const total = (of: (call: TimedCall) => number) => calls.reduce((sum, call) => sum + of(call), 0);
  const seconds = total((call) => call.seconds);
  const flops = total((call) => call.flops);
  const byFlops = { perFlop: flops > 0 ? seconds / flops : 0, perByte: 0 };
  const byBytes = { perFlop: 0, perByte: seconds / total((call) => call.bytes) };
  if (flops === 0) return byBytes;
  const f = (call: TimedCall) => call.flops / call.seconds;
  const b = (call: TimedCall) => call.bytes / call.seconds;
  const ff = total((call) => f(call) ** 2);
  const bb = total((call) => b(call) ** 2);
  const fb = total((call) => f(call) * b(call));
  const determinant = ff * bb - fb * fb;
  if (determinant <= 1e-6 * ff * bb) return byFlops;
  const perFlop = (total(f) * bb - total(b) * fb) / determinant;
  const perByte = (total(b) * ff - total(f) * fb) / determinant;
  if (perByte < 0) return byFlops;
  return perFlop < 0 ? byBytes : { perFlop, perByte };
}

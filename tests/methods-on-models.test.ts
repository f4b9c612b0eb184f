import { describe, expect, it } from 'vitest';
import { InputError } from '../src/engine/index.js';
import { type ModelConfig, presets } from '../src/models/index.js';
import { dryRun, type MemoryPlan, makePlan, matches, methods } from '../src/plan/index.js';

const layers = 3;
const models: { readonly [name in string]: ModelConfig } = {
  llama: { ...presets['llama-260k'], numHiddenLayers: layers },
  gpt2: { ...presets.gpt2, numHiddenLayers: layers, hiddenSize: 64, numAttentionHeads: 4, vocabSize: 300 },
  bert: { ...presets['bert-tiny'], numHiddenLayers: layers, vocabSize: 300 },
  roberta: {
    ...presets['roberta-base'],
    numHiddenLayers: layers,
    hiddenSize: 64,
    intermediateSize: 256,
    numAttentionHeads: 4,
    vocabSize: 300,
  },
};

/** Methods that say nothing of slots. */
const ofNoPattern: ReadonlySet<string> = new Set([
  'full',
  'lean',
  'fused-update',
  'lomo',
  'adalomo',
  'adafactor',
  'badam',
]);

function run(plan: MemoryPlan, config: ModelConfig) {
  const optimizer = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, epsilonForm: 'standard', weightDecay: 0 } as const;
  return dryRun({ config, plan, batch: 2, sequenceLength: 16, accumulate: 1, threads: 1, optimizer, seed: 0 });
}

/** What a method does otherwise than its ground, in one step: slots in other forms, state, gradients. */
async function trace(plan: MemoryPlan, config: ModelConfig) {
  const { slots, memory, meanWork } = await run(plan, config);
  const forms = Object.fromEntries(slots.map(({ slot, form }) => [slot, form]));
  return { forms, byRole: memory.peakByRole, ops: meanWork.map(({ op, calls }) => `${op} ${calls}`) };
}

describe.each(Object.entries(models))('in %s', (name, config) => {
  const headWidth = config.hiddenSize / config.numAttentionHeads;
  const planOf = (method: string) => makePlan([method], { layers, headWidth });

  it.each(Object.keys(methods))('%s touches something, or is refused with a sentence', async (method) => {
    const plan = planOf(method);
    let traced: Awaited<ReturnType<typeof trace>>;
    try {
      traced = await trace(plan, config);
    } catch (error) {
      expect(error).toBeInstanceOf(InputError);
      expect([name, method]).not.toContain('llama');
      expect(String(error)).toMatch(/\w+ .* \w+/);
      return;
    }
    if (method === 'full' || method === 'lean') return;
    expect(traced).not.toEqual(await trace(planOf('full'), config));
    expect(traced).not.toEqual(await trace(planOf('lean'), config));
  });

  it.each(Object.keys(methods).filter((method) => !ofNoPattern.has(method)))(
    '%s has slots for each of its forms',
    async (method) => {
      const plan = planOf(method);
      const ran = await run(plan, config).catch((error: unknown) => {
        expect(error).toBeInstanceOf(InputError);
        return undefined;
      });
      if (!ran) return;
      const names = ran.slots.map(({ slot }) => slot);
      // A norm that works from its output keeps no slot of its own.
      const common = ['exact', 'replay', 'replay-gemm', 'shared-norm'];
      const own = plan.slots.filter(({ form }) => !common.includes(form));
      for (const form of new Set(own.map((rule) => rule.form))) {
        const rules = own.filter((rule) => rule.form === form);
        expect(names.some((slot) => rules.some(({ match }) => matches(match, slot)))).toBe(true);
        expect(ran.slots.some((slot) => slot.form === form)).toBe(true);
      }
    },
  );
});

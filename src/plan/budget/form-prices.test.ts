import { describe, expect, it } from 'vitest';
import { presets } from '../../models/index.js';
import { recordedRates } from '../cost/recorded.js';
import { makePlan } from '../recipes.js';
import { formPrices } from './block-patterns.js';
import { keepingEverything } from './variants.js';

const config = presets['llama-260k'];
const layers = config.numHiddenLayers;
const optimizer = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, epsilonForm: 'standard', weightDecay: 0 } as const;

describe('prices of forms', () => {
  it.each([
    ['f32', ['bf16', 'quant-8']],
    ['bf16', ['quant-8']],
  ] as const)('of %s values are those of narrower forms', async (dtype, expected) => {
    const plan = keepingEverything(makePlan(['lean'], { layers, dtype }));
    const request = { config, plan, batch: 1, sequenceLength: 8, accumulate: 1, threads: 1, optimizer, seed: 0 };
    const prices = await formPrices(request, recordedRates, ['bf16', 'quant-8']);
    const forms = prices.filter(({ slots }) => slots.includes('mlp.gate')).map(({ form }) => form);
    expect(forms.filter((form) => !form.startsWith('replay')).toSorted()).toEqual(expected);
  });

  it.each(['velora', 'token-sketch', 'approxbp', 'msnorm', 'mesa', 'offload', 'full,compact'])(
    'leave alone what gives gradients only: %s',
    async (names) => {
      const plan = keepingEverything(makePlan(names.split(','), { layers }));
      const request = { config, plan, batch: 1, sequenceLength: 8, accumulate: 1, threads: 1, optimizer, seed: 0 };
      const prices = await formPrices(request, recordedRates, []);
      const priced = prices.flatMap(({ slots }) => slots);
      expect(priced).toContain('self_attn.query');
      if (names === 'velora' || names === 'token-sketch') expect(priced).not.toContain('self_attn.v_proj.input');
      if (names === 'approxbp') expect(priced).not.toContain('mlp.gate');
    },
  );
});

import type { QuantizedBits } from '../engine/index.js';
import type { Form } from '../keep/index.js';
import { ruleFinder } from './pattern.js';
import { blockRanges, type SlotRule, saveModeRules } from './save-modes.js';

// Slot rules of the methods that keep tensors in other forms, on top of a save mode.

/** Slots that may be kept otherwise than as they are: all but the loss, token ids and row statistics, which are small. */
const convertible = [
  '*.input_layernorm.input',
  '*.input_layernorm.normalized',
  '*.input_layernorm.output',
  '*.self_attn.q_proj.input',
  '*.self_attn.k_proj.input',
  '*.self_attn.v_proj.input',
  '*.self_attn.query',
  '*.self_attn.key',
  '*.self_attn.value',
  '*.self_attn.output',
  '*.self_attn.o_proj.input',
  '*.post_attention_layernorm.input',
  '*.post_attention_layernorm.normalized',
  '*.post_attention_layernorm.output',
  '*.mlp.gate_proj.input',
  '*.mlp.up_proj.input',
  '*.mlp.gate',
  '*.mlp.up',
  '*.mlp.activated',
  '*.mlp.down_proj.input',
  '*.output_layernorm.input',
  'norm.input',
  'norm.normalized',
  'lm_head.input',
] as const;

/** Mesa: codes of so many bits for all that the rules so far keep exactly. */
export function quantizedRules(rules: readonly SlotRule[], layers: number, bits: QuantizedBits): readonly SlotRule[] {
  const form: Form = `quant-${bits}`;
  const blocks = Array.from({ length: layers }, (_, layer) => layer);
  const around = convertible.filter((match) => !match.startsWith('*.'));
  const ruleOf = ruleFinder(rules);
  return [
    ...exactInBlocks(rules, blocks).map((match) => ({ match, form })),
    ...around.filter((slot) => ruleOf(slot)?.form === 'exact').map((match) => ({ match, form })),
  ];
}

/** Patterns of what these rules keep exactly in these blocks. */
function exactInBlocks(rules: readonly SlotRule[], blocks: readonly number[]): readonly string[] {
  const ruleOf = ruleFinder(rules);
  return convertible
    .filter((match) => match.startsWith('*.'))
    .flatMap((match) => {
      const exact = blocks.filter((layer) => ruleOf(match.replace('*', `layers.${layer}`))?.form === 'exact');
      return blockRanges(exact).map((range) => match.replace('*', range));
    });
}

/** The last blocks, whose tensors are needed again before they could be there and back. */
const keptBlocks = 2;

/**
 * MEMO: what the rules so far keep exactly goes to the slower tier, block by block, the last two left out. Block inputs and
 * attention outputs, which are dear to make again, go whole; of the others only this fraction of the tokens.
 */
export function offloadRules(rules: readonly SlotRule[], layers: number, fraction: number): readonly SlotRule[] {
  const blocks = Array.from({ length: Math.max(0, layers - keptBlocks) }, (_, layer) => layer);
  const recomputed = ruleFinder(saveModeRules('no-x5'));
  const formOf = (match: string): Form => {
    const cheap = recomputed(match)?.form === 'replay-gemm';
    if (!cheap || fraction === 1) return 'offload';
    return fraction === 0 ? 'replay-gemm' : 'offload-part';
  };
  return exactInBlocks(rules, blocks).map((match) => ({ match, form: formOf(match) }));
}

/** Approx-BP: two bits in place of what SiLU or GELU was taken of. */
export const stepSlopeRules: readonly SlotRule[] = [
  { match: '*.mlp.gate', form: 'step2' },
  { match: '*.mlp.up.derivative', form: 'step2' },
];

/** What blocks start from on the slower tier, that of the last blocks left out: of norms before a block, or at its end (BERT). */
export function offloadedInputRules(layers: number): readonly SlotRule[] {
  const blocks = Array.from({ length: Math.max(0, layers - keptBlocks) }, (_, layer) => layer);
  return blockRanges(blocks).flatMap((range) =>
    ['input_layernorm', 'output_layernorm'].map((norm) => ({
      match: `${range}.${norm}.input`,
      form: 'offload' as const,
    })),
  );
}

/** Memory-sharing norms: the next linear layers' inputs are kept, and the norms work from them. */
export const sharedNormRules: readonly SlotRule[] = [
  ...['input_layernorm', 'post_attention_layernorm'].flatMap((norm) => [
    { match: `*.${norm}.input`, form: 'shared-norm' as const },
    { match: `*.${norm}.output`, form: 'exact' as const },
  ]),
  ...['q_proj', 'k_proj', 'v_proj', 'gate_proj', 'up_proj'].map((linear) => ({
    match: `*.${linear}.input`,
    form: 'exact' as const,
  })),
];

/** VeLoRA's layers: value and down. */
export const subtokenWeights = ['*.v_proj.weight', '*.down_proj.weight'];

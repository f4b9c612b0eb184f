import type { Form } from '../keep/index.js';

/** Exact ways of keeping less, from everything a usual framework saves to the block inputs only (see ARCHITECTURE.md). */
export const saveModes = ['eager', 'fused-norm', 'elementwise', 'no-gate-up', 'no-qkv', 'no-x5', 'block'] as const;
export type SaveMode = (typeof saveModes)[number];

export interface SlotRule {
  readonly match: string;
  readonly form: Form;
}

/** What each mode changes compared with the one before it. */
const steps: { readonly [M in SaveMode]: readonly SlotRule[] } = {
  eager: [{ match: '*', form: 'exact' }],
  'fused-norm': [{ match: '*.normalized', form: 'replay' }],
  elementwise: [
    { match: 'norm.normalized', form: 'replay' },
    { match: '*.q_proj.input', form: 'replay' },
    { match: '*.k_proj.input', form: 'replay' },
    { match: '*.v_proj.input', form: 'replay' },
    { match: '*.gate_proj.input', form: 'replay' },
    { match: '*.up_proj.input', form: 'replay' },
    { match: '*.down_proj.input', form: 'replay' },
    { match: '*.mlp.activated', form: 'replay' },
    { match: '*.mask', form: 'replay' },
  ],
  'no-gate-up': [
    { match: '*.mlp.gate', form: 'replay-gemm' },
    { match: '*.mlp.up', form: 'replay-gemm' },
  ],
  'no-qkv': [
    { match: '*.self_attn.query', form: 'replay-gemm' },
    { match: '*.self_attn.key', form: 'replay-gemm' },
    { match: '*.self_attn.value', form: 'replay-gemm' },
  ],
  'no-x5': [
    { match: '*.post_attention_layernorm.input', form: 'replay-gemm' },
    { match: '*.post_attention_layernorm.mean', form: 'replay-gemm' },
    { match: '*.post_attention_layernorm.rstd', form: 'replay-gemm' },
  ],
  block: [
    { match: '*.input_layernorm.mean', form: 'replay' },
    { match: '*.input_layernorm.rstd', form: 'replay' },
    { match: '*.output_layernorm.mean', form: 'replay' },
    { match: '*.output_layernorm.rstd', form: 'replay' },
    { match: '*.self_attn.output', form: 'replay-gemm' },
    { match: '*.self_attn.log_sum_exp', form: 'replay-gemm' },
    { match: '*.o_proj.input', form: 'replay-gemm' },
  ],
};

/** Slot rules of a mode; the last match holds. */
export function saveModeRules(mode: SaveMode): readonly SlotRule[] {
  return saveModes.slice(0, saveModes.indexOf(mode) + 1).flatMap((name) => steps[name]);
}

/** The rules of a mode for some blocks only; the others stay as other rules say. */
export function saveModeRulesOf(mode: SaveMode, layers: readonly number[]): readonly SlotRule[] {
  const ofBlocks = saveModeRules(mode).filter(({ match }) => match.startsWith('*.'));
  return blockRanges(layers).flatMap((range) =>
    ofBlocks.flatMap(({ match, form }) =>
      [range, `${range}.*`].map((block) => ({ match: match.replace('*', block), form })),
    ),
  );
}

/** Patterns of these blocks, one for each run of consecutive numbers: 0, 1, 2, 7 are `layers.{0-2}` and `layers.{7-7}`. */
export function blockRanges(layers: readonly number[]): readonly string[] {
  const ascending = [...new Set(layers)].sort((a, b) => a - b);
  const first = ascending.filter((layer) => !ascending.includes(layer - 1));
  const last = ascending.filter((layer) => !ascending.includes(layer + 1));
  return first.map((layer, index) => `layers.{${layer}-${last[index]}}`);
}

/**
 * Rules on top of `block` that keep only every k-th block's input: what its first norm reads, or, where norms end the blocks,
 * what the norm before it reads.
 */
export function checkpointEveryRules(every: number, layers: number): readonly SlotRule[] {
  return Array.from({ length: layers }, (_, layer) => layer)
    .filter((layer) => layer % every !== 0)
    .flatMap((layer) => [
      { match: `layers.${layer - 1}.output_layernorm.*`, form: 'replay-gemm' as const },
      { match: `layers.${layer}.input_layernorm.*`, form: 'replay-gemm' as const },
    ]);
}

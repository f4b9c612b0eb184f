/**
 * The ways a saved slot can be kept. Names as in the literature; bytes are per token for a tensor of width w, b bytes per
 * element as the model is stored.
 */
export const forms = {
  exact: { bytes: 'w·b', gives: 'the tensor', error: 'none' },
  bf16: { bytes: 'w·2', gives: 'the tensor, rounded to bf16', error: 'relative 2^-9' },
  alias: { bytes: '0', gives: 'the tensor; another slot already holds the same storage', error: 'none' },
  replay: { bytes: '0', gives: 'the tensor, recomputed elementwise from other saved tensors', error: 'none' },
  'replay-gemm': { bytes: '0', gives: 'the tensor, recomputed by matrix products too', error: 'none' },
  'quant-8': { bytes: 'w·(1 + 4/128)', gives: 'the tensor from 8-bit codes', error: 'unbiased, a step of 1/255' },
  'quant-4': { bytes: 'w·(1/2 + 4/128)', gives: 'the tensor from 4-bit codes', error: 'unbiased, a step of 1/15' },
  'quant-2': { bytes: 'w·(1/4 + 4/128)', gives: 'the tensor from 2-bit codes', error: 'unbiased, a step of 1/3' },
  offload: { bytes: '0; w·b on the slower tier', gives: 'the tensor, fetched while others are used', error: 'none' },
  'offload-part': { bytes: '0; α·w·b on the slower tier', gives: 'as offload; tokens 1 − α recomputed', error: 'none' },
  sketch: { bytes: 'r·b', gives: 'Z = X·P, for the gradient of a linear weight only', error: 'unbiased, in that dW' },
  'late-sketch': { bytes: '0', gives: 'Z = X·P from X recomputed in backward', error: 'unbiased, in that dW' },
  subtoken: { bytes: 'w/M·b', gives: 'one number per sub-token, for a linear dW only', error: 'biased, in that dW' },
  'token-sketch': {
    bytes: 'k/N·w·b',
    gives: 'Sᵀ·X, for the gradient of a linear weight',
    error: 'unbiased, in that dW',
  },
  step2: { bytes: 'w/4', gives: "a two-bit step function in place of an activation's derivative", error: 'biased' },
  'shared-norm': { bytes: '0', gives: "a norm's gradient from its own output, which others keep", error: 'none' },
} as const satisfies Record<string, { bytes: string; gives: string; error: string }>;

export type Form = keyof typeof forms;

export const formNames = Object.keys(forms) as readonly Form[];

/** Forms that give a linear layer the compressed gradient only, never the tensor. */
export type SketchForm = 'sketch' | 'late-sketch';

/** Forms that give the tensor back, to any consumer. */
export type RestorableForm = Exclude<Form, SketchForm | 'subtoken' | 'token-sketch' | 'step2' | 'shared-norm'>;

export function isSketchForm(form: Form): form is SketchForm {
  return form === 'sketch' || form === 'late-sketch';
}

/** Forms that do not give the tensor back, but some gradient. */
const onlyGradients: ReadonlySet<Form> = new Set([
  'sketch',
  'late-sketch',
  'subtoken',
  'token-sketch',
  'step2',
  'shared-norm',
]);

/** Whether a form gives the tensor itself, to whoever asks. */
export function isRestorable(form: Form): form is RestorableForm {
  return !onlyGradients.has(form);
}

/** Whether the bytes of a form are made in forward, from a tensor that is there then. */
export function storesTensor(form: Form): boolean {
  return form === 'exact' || form === 'bf16' || form === 'offload' || form === 'offload-part' || form in quantizedBits;
}

/** Bits of the quantised forms' codes. */
export const quantizedBits = { 'quant-8': 8, 'quant-4': 4, 'quant-2': 2 } as const;

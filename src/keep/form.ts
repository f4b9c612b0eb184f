/** The ways a saved slot can be kept. Names as in the literature; bytes are per token for a tensor of width w. */
export const forms = {
  exact: { bytes: 'w·4', gives: 'the tensor', error: 'none' },
  bf16: { bytes: 'w·2', gives: 'the tensor, rounded to bf16', error: 'relative 2^-9' },
  alias: { bytes: '0', gives: 'the tensor; another slot already holds the same storage', error: 'none' },
  replay: { bytes: '0', gives: 'the tensor, recomputed elementwise from other saved tensors', error: 'none' },
  'replay-gemm': { bytes: '0', gives: 'the tensor, recomputed by matrix products too', error: 'none' },
  sketch: { bytes: 'r·4', gives: 'Z = X·P, for the gradient of a linear weight only', error: 'unbiased, in that dW' },
  'late-sketch': { bytes: '0', gives: 'Z = X·P from X recomputed in backward', error: 'unbiased, in that dW' },
} as const satisfies Record<string, { bytes: string; gives: string; error: string }>;

export type Form = keyof typeof forms;

export const formNames = Object.keys(forms) as readonly Form[];

/** Forms that give a linear layer the compressed gradient only, never the tensor. */
export function isSketchForm(form: Form): form is 'sketch' | 'late-sketch' {
  return form === 'sketch' || form === 'late-sketch';
}

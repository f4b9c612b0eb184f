import { rows, type Tensor } from '../engine/index.js';
import {
  fusedLinearCrossEntropy,
  type LossTarget,
  linearCrossEntropy,
  type Parameter,
  type Tape,
  type Value,
} from '../tape/index.js';
import type { LossForm } from './trainable-model.js';

/** Cross-entropy of what the head makes of hidden states, which it takes over. */
export function headLoss(
  tape: Tape,
  hidden: Value,
  head: Parameter,
  target: LossTarget,
  form: LossForm,
  bias?: Parameter,
): void {
  if (form.form === 'fused') fusedLinearCrossEntropy(tape, 'lm_head', hidden, head, target, form.chunk, bias);
  else linearCrossEntropy(tape, 'lm_head', hidden, head, target, bias);
  tape.release(hidden);
}

/** Logits of the last row of hidden states, [1, V], owned by the caller. Takes over the hidden states. */
export function lastLogits(tape: Tape, hidden: Value, head: Parameter): Tensor {
  const { tensor } = head;
  const logits = tape.allocate('lm_head.logits', { shape: [1, tensor.shape[0]], dtype: 'f32' });
  const last = rows(hidden.tensor, hidden.shape[0] - 1, 1);
  tape.engine.run('gemm', { a: last, b: tensor, transB: true, out: logits });
  tape.release(hidden);
  return logits;
}

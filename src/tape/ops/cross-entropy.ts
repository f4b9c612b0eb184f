import { rows, type Tensor } from '../../engine/index.js';
import type { Parameter } from '../parameter.js';
import type { Tape } from '../tape.js';
import type { Value } from '../value.js';
import { linear } from './linear.js';

/** Where a loss goes and what it is divided by. */
export interface LossTarget {
  /** [N], i32; −100 is ignored. */
  readonly targets: Tensor;
  /** [1]; the weighted loss is added to it. */
  readonly loss: Tensor;
  /** Weight of one token's loss: 1 / (all predicted tokens of the optimizer step). */
  readonly scale: number;
}

/**
 * Head and cross-entropy in chunks of tokens: the N×V logits never exist. The scale is known in forward, so the head's and
 * the hidden states' gradients are formed there, chunk by chunk, at no extra flops; backward only passes them on. A chunk of
 * logits is f32 whatever the model is stored in: it is small, and logits of 10 in bf16 are off by up to 0.03. Their gradient
 * is stored like the model: over the logits in f32, beside them in bf16, where it is multiplied by weights and hidden states of bf16.
 *
 * @param hidden [N, n]
 * @param head [V, n]
 * @param chunk rows of logits that exist at a time
 * @param bias [V], added to the logits
 */
export function fusedLinearCrossEntropy(
  tape: Tape,
  slot: string,
  hidden: Value,
  head: Parameter,
  { targets, loss, scale }: LossTarget,
  chunk: number,
  bias?: Parameter,
): void {
  const { engine } = tape;
  const [tokens] = hidden.shape;
  const table = head.tensor;
  const parameters = bias ? [head, bias] : [head];
  const training =
    hidden.requiresGradient || (tape.keeper !== undefined && parameters.some(({ trainable }) => trainable));
  const dHidden = hidden.requiresGradient ? tape.allocate(`${hidden.name}.gradient`, hidden) : undefined;
  const largest = Math.min(chunk, tokens);
  const logits = engine.allocate({
    shape: [largest, table.shape[0]],
    role: 'workspace',
    name: `${slot}.logits_chunk`,
  });
  const { dtype } = hidden.tensor;
  const apart = training && dtype !== logits.dtype;
  const dLogits = apart
    ? engine.allocate({ shape: logits.shape, dtype, role: 'workspace', name: `${slot}.logits_chunk.gradient` })
    : logits;
  for (let start = 0; start < tokens; start += largest) {
    const count = Math.min(largest, tokens - start);
    const h = rows(hidden.tensor, start, count);
    const y = rows(logits, 0, count);
    const dy = rows(dLogits, 0, count);
    engine.run('gemm', { a: h, b: table, transB: true, out: y });
    if (bias) engine.run('addBias', { x: y, bias: bias.tensor, out: y });
    engine.run('crossEntropy', {
      logits: y,
      targets: rows(targets, start, count),
      loss,
      scale,
      ...(training && { dLogits: dy }),
    });
    if (dHidden) engine.run('gemm', { a: dy, b: table, out: rows(dHidden, start, count) });
    if (training && bias?.trainable) {
      tape.addToParameterGradient(bias, (sum) => engine.run('columnSum', { x: dy, out: sum }));
    }
    if (training && head.trainable) {
      tape.addParameterGradient(head, table.shape, (out, accumulate) =>
        engine.run('gemm', { a: dy, b: h, transA: true, out, accumulate }),
      );
    }
  }
  if (apart) engine.release(dLogits);
  engine.release(logits);
  if (!training) return;
  if (dHidden) tape.passGradient(hidden, dHidden);
  const gradient = { release: () => hidden.gradient && engine.release(tape.takeGradient(hidden)) };
  // The gradient is ready, but the head counts as used until backward starts: an update in between would change the
  // table that a tied embedding still has to read.
  tape.record([gradient], parameters, () => {});
}

/**
 * Head and cross-entropy as a usual framework does them: full logits, kept to the end of the step as the model's output,
 * their log-probabilities, kept for backward, and a gradient of the same size: three N×V tensors at the peak.
 */
export function linearCrossEntropy(
  tape: Tape,
  slot: string,
  hidden: Value,
  head: Parameter,
  target: LossTarget,
  bias?: Parameter,
): void {
  const logits = linear(tape, slot, hidden, head, undefined, bias);
  crossEntropy(tape, slot, logits, target);
  tape.release(logits);
}

/**
 * Cross-entropy of logits. Keeps `${slot}.logits`, the model's output, and `${slot}.log_probs`.
 *
 * @param logits [N, V]
 */
export function crossEntropy(tape: Tape, slot: string, logits: Value, { targets, loss, scale }: LossTarget): void {
  const { engine } = tape;
  const [logProbs] = tape.apply({
    cost: 'elementwise',
    inputs: [logits],
    outputs: [{ name: `${slot}.log_probs`, shape: logits.shape }],
    run: ([x], [out]) => engine.run('logSoftmax', { x, out }),
  });
  engine.run('nllLoss', { logProbs: logProbs.tensor, targets, loss, scale });
  if (logProbs.requiresGradient) {
    const keptLogits = tape.keep(`${slot}.logits`, logits);
    const kept = tape.keep(`${slot}.log_probs`, logProbs);
    tape.record([keptLogits, kept], [], () => {
      const dLogits = tape.allocate(`${slot}.logits.gradient`, logits);
      engine.run('nllLossBackward', { logProbs: kept.restore(), targets, dLogits, scale });
      kept.release();
      keptLogits.release();
      tape.passGradient(logits, dLogits);
    });
  }
  tape.release(logProbs);
}

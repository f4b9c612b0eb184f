import type { Tensor } from '../tensor.js';
import { expectShape, expectTensor, matrix, type OpSpec } from './spec.js';

/** A target with this id takes no part in the loss (Hugging Face's convention). */
export const ignoredTarget = -100;

/** Row-wise log-softmax: out = x − log Σ exp(x). */
export interface LogSoftmaxArgs {
  /** [C, V]. */
  readonly x: Tensor;
  readonly out: Tensor;
}

export const logSoftmax: OpSpec<LogSoftmaxArgs> = {
  access: { x: 'read', out: 'write' },
  storage: [['x', 'out']],
  inPlace: [['out', 'x']],
  check({ x, out }) {
    const [rows, columns] = matrix('logSoftmax x', x);
    expectShape('logSoftmax out', out, [rows, columns]);
  },
  flops: () => 0,
};

/** Negative log-likelihood: loss += −scale·Σ logProbs[i, target_i], ignored targets left out. */
export interface NllLossArgs {
  /** [C, V]. */
  readonly logProbs: Tensor;
  /** [C], i32. */
  readonly targets: Tensor;
  /** [1], f32, added to. */
  readonly loss: Tensor;
  readonly scale: number;
}

export const nllLoss: OpSpec<NllLossArgs> = {
  access: { logProbs: 'read', targets: 'read', loss: 'update' },
  storage: [['logProbs']],
  check({ logProbs, targets, loss }) {
    const [rows] = matrix('nllLoss logProbs', logProbs);
    expectTensor('nllLoss targets', targets, [rows], 'i32');
    expectTensor('nllLoss loss', loss, [1]);
  },
  flops: () => 0,
};

/** Gradient of the loss above with respect to the logits: scale·(exp(logProbs) − onehot), 0 for ignored rows. */
export interface NllLossBackwardArgs {
  /** [C, V]. */
  readonly logProbs: Tensor;
  /** [C], i32. */
  readonly targets: Tensor;
  /** [C, V]. */
  readonly dLogits: Tensor;
  readonly scale: number;
}

export const nllLossBackward: OpSpec<NllLossBackwardArgs> = {
  access: { logProbs: 'read', targets: 'read', dLogits: 'write' },
  storage: [['logProbs', 'dLogits']],
  inPlace: [['dLogits', 'logProbs']],
  check({ logProbs, targets, dLogits }) {
    const [rows, columns] = matrix('nllLossBackward logProbs', logProbs);
    expectTensor('nllLossBackward targets', targets, [rows], 'i32');
    expectShape('nllLossBackward dLogits', dLogits, [rows, columns]);
  },
  flops: () => 0,
};

/**
 * The three ops above in one pass over a chunk of logits: loss += −scale·Σ log p(target), and, where `dLogits` is given,
 * dLogits = scale·(softmax − onehot). `dLogits` is normally the logits themselves, or, in a bf16 model, whose logits are f32, a
 * bf16 tensor: its products with the head's weights then run at the speed of bf16.
 */
export interface CrossEntropyArgs {
  /** [C, V]. */
  readonly logits: Tensor;
  /** [C], i32. */
  readonly targets: Tensor;
  /** [1], f32, added to. */
  readonly loss: Tensor;
  /** [C, V]; left out in evaluation. */
  readonly dLogits?: Tensor;
  readonly scale: number;
}

export const crossEntropy: OpSpec<CrossEntropyArgs> = {
  access: { logits: 'read', targets: 'read', loss: 'update', dLogits: 'write' },
  storage: [['logits'], ['dLogits']],
  inPlace: [['dLogits', 'logits']],
  check({ logits, targets, loss, dLogits }) {
    const [rows, columns] = matrix('crossEntropy logits', logits);
    expectTensor('crossEntropy targets', targets, [rows], 'i32');
    expectTensor('crossEntropy loss', loss, [1]);
    if (dLogits) expectShape('crossEntropy dLogits', dLogits, [rows, columns]);
  },
  flops: () => 0,
  /** One loss per row, summed in order. */
  scratch: ({ logits }) => 4 * (logits.shape[0] ?? 0),
};

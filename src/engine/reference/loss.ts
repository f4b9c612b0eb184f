import {
  type CrossEntropyArgs,
  ignoredTarget,
  type LogSoftmaxArgs,
  type NllLossArgs,
  type NllLossBackwardArgs,
} from '../contract/loss.js';
import { matrix } from '../contract/spec.js';
import { checkIds } from './ids.js';
import type { ReferenceMemory } from './memory.js';

/** out = x − log Σ exp(x), by rows. */
export function logSoftmax(memory: ReferenceMemory, args: LogSoftmaxArgs): void {
  const [rows, columns] = matrix('logSoftmax x', args.x);
  const x = memory.floats(args.x);
  const out = memory.floats(args.out);
  for (let row = 0; row < rows; row++) {
    const lse = logSumExp(x, row * columns, columns);
    for (let i = row * columns; i < (row + 1) * columns; i++) out[i] = x[i] - lse;
  }
}

/** loss −= scale·Σ logProbs[i, target_i]. */
export function nllLoss(memory: ReferenceMemory, args: NllLossArgs): void {
  const [, columns] = matrix('nllLoss logProbs', args.logProbs);
  const logProbs = memory.floats(args.logProbs);
  const loss = memory.floats(args.loss);
  checkIds('nllLoss', memory.integers(args.targets), columns, true);
  for (const [row, target] of memory.integers(args.targets).entries()) {
    if (target !== ignoredTarget) loss[0] -= args.scale * logProbs[row * columns + target];
  }
}

/** dLogits = scale·(exp(logProbs) − onehot), 0 for ignored rows. */
export function nllLossBackward(memory: ReferenceMemory, args: NllLossBackwardArgs): void {
  const [, columns] = matrix('nllLossBackward logProbs', args.logProbs);
  const logProbs = memory.floats(args.logProbs);
  const dLogits = memory.floats(args.dLogits);
  checkIds('nllLossBackward', memory.integers(args.targets), columns, true);
  for (const [row, target] of memory.integers(args.targets).entries()) {
    writeLogitGradient(dLogits, logProbs, 0, row * columns, columns, target, args.scale);
  }
}

/** loss −= scale·Σ log p(target); dLogits = scale·(softmax − onehot), 0 for ignored rows. */
export function crossEntropy(memory: ReferenceMemory, args: CrossEntropyArgs): void {
  const [, columns] = matrix('crossEntropy logits', args.logits);
  const logits = memory.floats(args.logits);
  const loss = memory.floats(args.loss);
  const dLogits = memory.optionalFloats(args.dLogits);
  checkIds('crossEntropy', memory.integers(args.targets), columns, true);
  for (const [row, target] of memory.integers(args.targets).entries()) {
    const start = row * columns;
    const lse = logSumExp(logits, start, columns);
    if (target !== ignoredTarget) loss[0] -= args.scale * (logits[start + target] - lse);
    if (dLogits) writeLogitGradient(dLogits, logits, lse, start, columns, target, args.scale);
  }
}

/** One row of scale·(exp(logits − lse) − onehot), or of zeros for an ignored target. */
function writeLogitGradient(
  dLogits: Float64Array,
  logits: Float64Array,
  lse: number,
  start: number,
  columns: number,
  target: number,
  scale: number,
): void {
  if (target === ignoredTarget) {
    dLogits.fill(0, start, start + columns);
    return;
  }
  for (let i = start; i < start + columns; i++) dLogits[i] = scale * Math.exp(logits[i] - lse);
  dLogits[start + target] -= scale;
}

/** log Σ exp(x) over a row, with the largest element taken out so that nothing overflows. */
function logSumExp(x: Float64Array, start: number, columns: number): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (let i = start; i < start + columns; i++) largest = Math.max(largest, x[i]);
  let sum = 0;
  for (let i = start; i < start + columns; i++) sum += Math.exp(x[i] - largest);
  return largest + Math.log(sum);
}

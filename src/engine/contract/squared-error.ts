import { sizeOf, type Tensor } from '../tensor.js';
import { expectShape, expectTensor, type OpSpec } from './spec.js';

/** loss += scale·Σ (p − t)², and, where `dPredictions` is given, dp = 2·scale·(p − t): the loss of a regression. */
export interface SquaredErrorArgs {
  /** p, any shape. */
  readonly predictions: Tensor;
  /** t, as many numbers, f32. */
  readonly targets: Tensor;
  /** [1], added to. */
  readonly loss: Tensor;
  /** Shape of `predictions`; left out in evaluation. */
  readonly dPredictions?: Tensor;
  readonly scale: number;
}

export const squaredError: OpSpec<SquaredErrorArgs> = {
  access: { predictions: 'read', targets: 'read', loss: 'update', dPredictions: 'write' },
  storage: [['predictions', 'dPredictions']],
  inPlace: [['dPredictions', 'predictions']],
  check({ predictions, targets, loss, dPredictions }) {
    expectTensor('squaredError targets', targets, [sizeOf(predictions.shape)]);
    expectTensor('squaredError loss', loss, [1]);
    if (dPredictions) expectShape('squaredError dPredictions', dPredictions, predictions.shape);
  },
  flops: () => 0,
};

import { sizeOf, type Tensor } from '../tensor.js';
import { normBlockElements } from './optimizer.js';
import { expectTensor, matrix, type OpSpec, require } from './spec.js';

/**
 * Adafactor's direction (arXiv 1804.04235; in backward it is AdaLomo's, 2310.10195): the second moment of a matrix as the
 * product of a row and a column factor.
 *
 * R_i ← β·R_i + (1−β)·mean_j(g² + ε1), C_j likewise over rows, v̂_ij = R_i·C_j / mean(R); without factors v ← β·v + (1−β)·(g² + ε1).
 * u = g/√v̂; gradient ← factor · max(minimumScale, RMS(W)) / max(1, RMS(u)/clipThreshold) · u.
 */
export interface AdafactorDirectionArgs {
  /** [rows, columns], or any shape with `secondMoment`. */
  readonly gradient: Tensor;
  /** [rows]; together with `columnMoment`. */
  readonly rowMoment?: Tensor;
  /** [columns]. */
  readonly columnMoment?: Tensor;
  /** The gradient's shape; instead of the two factors. */
  readonly secondMoment?: Tensor;
  /** The weight, whose root mean square scales the update; any shape. */
  readonly weight: Tensor;
  /** β of this step. */
  readonly decay: number;
  /** ε1, added to g². */
  readonly epsilon: number;
  readonly clipThreshold: number;
  readonly minimumScale: number;
  readonly factor: number;
  /** [1]; the gradient is multiplied by it first. */
  readonly gradientScale?: Tensor;
}

export const adafactorDirection: OpSpec<AdafactorDirectionArgs> = {
  access: {
    gradient: 'update',
    rowMoment: 'update',
    columnMoment: 'update',
    secondMoment: 'update',
    weight: 'read',
    gradientScale: 'read',
  },
  storage: [['gradient'], ['weight']],
  check({ gradient, rowMoment, columnMoment, secondMoment, gradientScale }) {
    const factored = rowMoment !== undefined && columnMoment !== undefined;
    require(secondMoment
      ? !rowMoment && !columnMoment
      : factored, 'adafactorDirection: give a row and a column moment, or a second moment');
    if (rowMoment && columnMoment) {
      const [rows, columns] = matrix('adafactorDirection gradient', gradient);
      expectTensor('adafactorDirection rowMoment', rowMoment, [rows]);
      expectTensor('adafactorDirection columnMoment', columnMoment, [columns]);
    }
    if (secondMoment) expectTensor('adafactorDirection secondMoment', secondMoment, gradient.shape);
    if (gradientScale) expectTensor('adafactorDirection gradientScale', gradientScale, [1]);
  },
  flops: () => 0,
  /** Partial sums of squares of u and W, and 1/√ of the factors. */
  scratch({ gradient, weight, rowMoment }) {
    const [rows, columns] = rowMoment ? matrix('adafactorDirection gradient', gradient) : [0, 0];
    return 4 * (rows + columns + normBlocks(gradient) + normBlocks(weight));
  },
};

function normBlocks({ shape }: Tensor): number {
  return Math.ceil(sizeOf(shape) / normBlockElements);
}

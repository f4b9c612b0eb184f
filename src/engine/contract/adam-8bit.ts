import { sizeOf, type Tensor } from '../tensor.js';
import type { AdamConstants } from './optimizer.js';
import { expectTensor, type OpSpec, require } from './spec.js';

/** Most elements that share one scale. */
export const most8bitBlock = 4096;

/**
 * Adam's direction with both moments in 8 bits (arXiv 2110.02861): per block of `blockSize` consecutive elements one f32 scale,
 * its largest magnitude, and one code per element (see `dynamic-codes`). Both moments are decoded, updated in f32, encoded again;
 * gradient ← factor·U, with U from the moments before they are encoded.
 *
 * A positive second moment is never encoded as 0 but as the smallest positive code: a 0 would make the next direction far too
 * large.
 */
export interface Adam8bitDirectionArgs extends AdamConstants {
  readonly gradient: Tensor;
  /** u8, the gradient's shape: codes of M. */
  readonly firstCodes: Tensor;
  /** [⌈elements / blockSize⌉]. */
  readonly firstScales: Tensor;
  /** u8, the gradient's shape: codes of V. */
  readonly secondCodes: Tensor;
  readonly secondScales: Tensor;
  readonly blockSize: number;
  readonly factor: number;
}

export const adam8bitDirection: OpSpec<Adam8bitDirectionArgs> = {
  access: {
    gradient: 'update',
    firstCodes: 'update',
    firstScales: 'update',
    secondCodes: 'update',
    secondScales: 'update',
    gradientScale: 'read',
  },
  storage: [['gradient']],
  check({ gradient, firstCodes, firstScales, secondCodes, secondScales, blockSize, gradientScale }) {
    require(Number.isInteger(blockSize) &&
      blockSize >= 1 &&
      blockSize <= most8bitBlock, `adam8bitDirection: blocks of ${blockSize} elements`);
    const scales = [Math.ceil(sizeOf(gradient.shape) / blockSize)];
    expectTensor('adam8bitDirection firstCodes', firstCodes, gradient.shape, 'u8');
    expectTensor('adam8bitDirection firstScales', firstScales, scales);
    expectTensor('adam8bitDirection secondCodes', secondCodes, gradient.shape, 'u8');
    expectTensor('adam8bitDirection secondScales', secondScales, scales);
    if (gradientScale) expectTensor('adam8bitDirection gradientScale', gradientScale, [1]);
  },
  flops: () => 0,
};

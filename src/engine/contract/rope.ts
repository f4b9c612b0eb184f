import type { Tensor } from '../tensor.js';
import { expectShape, expectTensor, matrix, type OpSpec, require } from './spec.js';

/**
 * Rotary position embedding, Hugging Face's half-split layout: within each head of width d the pair (x_i, x_{i+d/2}) is
 * turned by the angle of (position, i). The tables are computed once on the host in float64.
 */
export interface RopeArgs {
  /** [N, heads·d]. */
  readonly x: Tensor;
  /** [positions, d/2], f32. */
  readonly cos: Tensor;
  /** [positions, d/2], f32. */
  readonly sin: Tensor;
  /** [N, heads·d]. */
  readonly out: Tensor;
  /** Row i has position `positionOffset + i mod sequenceLength`. */
  readonly sequenceLength: number;
  readonly positionOffset: number;
  /** Turn back: the backward of the rotation. */
  readonly inverse: boolean;
}

export const rope: OpSpec<RopeArgs> = {
  access: { x: 'read', cos: 'read', sin: 'read', out: 'write' },
  storage: [['x', 'out']],
  inPlace: [['out', 'x']],
  check({ x, cos, sin, out, sequenceLength, positionOffset }) {
    const [tokens, width] = matrix('rope x', x);
    const [positions, half] = matrix('rope cos', cos);
    expectTensor('rope cos', cos, [positions, half]);
    expectTensor('rope sin', sin, [positions, half]);
    expectShape('rope out', out, [tokens, width]);
    require(half > 0 &&
      width % (2 * half) === 0, `rope: width ${width} is not a multiple of the head width ${2 * half}`);
    require(sequenceLength > 0 && tokens % sequenceLength === 0, `rope: ${tokens} rows are not whole sequences`);
    require(positionOffset >= 0 &&
      positionOffset + sequenceLength <=
        positions, `rope: positions ${positionOffset}..${positionOffset + sequenceLength - 1} exceed the table of ${positions}`);
  },
  flops: () => 0,
};

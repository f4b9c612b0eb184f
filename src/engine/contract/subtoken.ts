import type { Tensor } from '../tensor.js';
import { expectShape, expectTensor, matrix, type OpSpec, require } from './spec.js';

/**
 * The fixed direction of VeLoRA (arXiv 2405.17991): every row of x is cut into G sub-tokens of size M (the last one may be
 * shorter and then counts as filled up with zeros); out = their mean, divided by its length.
 */
export interface SubtokenDirectionArgs {
  /** [N, n]. */
  readonly x: Tensor;
  /** v, [M], 1 ≤ M ≤ n, f32: a unit vector that stays for the whole run. */
  readonly out: Tensor;
}

export const subtokenDirection: OpSpec<SubtokenDirectionArgs> = {
  access: { x: 'read', out: 'write' },
  storage: [['x']],
  check({ x, out }) {
    const [, width] = matrix('subtokenDirection x', x);
    expectTensor('subtokenDirection out', out, [out.shape[0] ?? 0]);
    require((out.shape[0] ?? 0) <= width, `subtokenDirection: sub-tokens of ${out.shape[0]} in tokens of ${width}`);
  },
  flops: () => 0,
};

/** Z = X·P with P = I_G ⊗ v: coefficient g of a token is the inner product of its sub-token g with v. */
export interface SubtokenProjectArgs {
  /** [N, n]. */
  readonly x: Tensor;
  /** v, [M], f32. */
  readonly direction: Tensor;
  /** Z, [N, G] with G = ⌈n/M⌉. */
  readonly out: Tensor;
}

export const subtokenProject: OpSpec<SubtokenProjectArgs> = {
  access: { x: 'read', direction: 'read', out: 'write' },
  storage: [['x', 'out']],
  check({ x, direction, out }) {
    const [tokens, width] = matrix('subtokenProject x', x);
    expectTensor('subtokenProject direction', direction, [direction.shape[0] ?? 0]);
    expectShape('subtokenProject out', out, [tokens, subtokens(width, direction)]);
  },
  flops: ({ x }) => 2 * (x.shape[0] ?? 0) * (x.shape[1] ?? 0),
};

/** out = factor·C·Pᵀ with P = I_G ⊗ v, or added to what `out` holds: row o, column g·M + i gets factor·C[o, g]·v[i]. */
export interface SubtokenExpandArgs {
  /** C, [m, G], f32. */
  readonly coefficients: Tensor;
  /** v, [M], f32. */
  readonly direction: Tensor;
  /** [m, n] with G = ⌈n/M⌉. */
  readonly out: Tensor;
  readonly factor: number;
  readonly accumulate?: boolean;
}

export const subtokenExpand: OpSpec<SubtokenExpandArgs> = {
  access: { coefficients: 'read', direction: 'read', out: 'write' },
  storage: [['out']],
  check({ coefficients, direction, out }) {
    const [rows, width] = matrix('subtokenExpand out', out);
    expectTensor('subtokenExpand direction', direction, [direction.shape[0] ?? 0]);
    expectTensor('subtokenExpand coefficients', coefficients, [rows, subtokens(width, direction)]);
  },
  flops: () => 0,
};

/** G, sub-tokens of a token of this width. */
function subtokens(width: number, direction: Tensor): number {
  return Math.ceil(width / (direction.shape[0] ?? 1));
}

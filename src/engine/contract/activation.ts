import type { Tensor } from '../tensor.js';
import { expectShape, type OpSpec } from './spec.js';

/**
 * GELU (arXiv 1606.08415): `exact` x·Φ(x) with the normal distribution's Φ; `tanh` its approximation
 * ½x·(1 + tanh(√(2/π)·(x + 0.044715x³))), Hugging Face's `gelu_new`.
 */
export type GeluForm = 'exact' | 'tanh';

export interface GeluArgs {
  /** Any shape. */
  readonly x: Tensor;
  /** Same shape. */
  readonly out: Tensor;
  readonly form: GeluForm;
}

export const gelu: OpSpec<GeluArgs> = {
  access: { x: 'read', out: 'write' },
  storage: [['x', 'out']],
  inPlace: [['out', 'x']],
  check({ x, out }) {
    expectShape('gelu out', out, x.shape);
  },
  flops: () => 0,
};

/** dx = dy∘(derivative of GELU at x). */
export interface GeluBackwardArgs {
  readonly x: Tensor;
  readonly dy: Tensor;
  readonly dx: Tensor;
  readonly form: GeluForm;
}

export const geluBackward: OpSpec<GeluBackwardArgs> = {
  access: { x: 'read', dy: 'read', dx: 'write' },
  storage: [['x', 'dy', 'dx']],
  inPlace: [['dx', 'dy']],
  check({ x, dy, dx }) {
    for (const [name, tensor] of Object.entries({ x, dy, dx })) expectShape(`geluBackward ${name}`, tensor, x.shape);
  },
  flops: () => 0,
};

/** out = tanh(x). */
export interface TanhArgs {
  readonly x: Tensor;
  readonly out: Tensor;
}

export const tanh: OpSpec<TanhArgs> = {
  access: { x: 'read', out: 'write' },
  storage: [['x', 'out']],
  inPlace: [['out', 'x']],
  check({ x, out }) {
    expectShape('tanh out', out, x.shape);
  },
  flops: () => 0,
};

/** dx = dy∘(1 − y²), from the output y of tanh. */
export interface TanhBackwardArgs {
  readonly y: Tensor;
  readonly dy: Tensor;
  readonly dx: Tensor;
}

export const tanhBackward: OpSpec<TanhBackwardArgs> = {
  access: { y: 'read', dy: 'read', dx: 'write' },
  storage: [['y', 'dy', 'dx']],
  inPlace: [['dx', 'dy']],
  check({ y, dy, dx }) {
    for (const [name, tensor] of Object.entries({ y, dy, dx })) expectShape(`tanhBackward ${name}`, tensor, y.shape);
  },
  flops: () => 0,
};

import type { Tensor } from '../tensor.js';
import { expectShape, type OpSpec } from './spec.js';

/** SiLU by itself: out = x·σ(x). */
export interface SiluArgs {
  /** Any shape. */
  readonly x: Tensor;
  readonly out: Tensor;
}

export const silu: OpSpec<SiluArgs> = {
  access: { x: 'read', out: 'write' },
  storage: [['x', 'out']],
  inPlace: [['out', 'x']],
  check({ x, out }) {
    expectShape('silu out', out, x.shape);
  },
  flops: () => 0,
};

/** SwiGLU: a = g·σ(g), p = a∘u. */
export interface SwigluArgs {
  /** g, any shape. */
  readonly gate: Tensor;
  /** u, same shape. */
  readonly up: Tensor;
  /** p, same shape. */
  readonly out: Tensor;
  /** a, same shape: the copy that usual frameworks keep. */
  readonly activated?: Tensor;
}

export const swiglu: OpSpec<SwigluArgs> = {
  access: { gate: 'read', up: 'read', out: 'write', activated: 'write' },
  storage: [['gate', 'up', 'out', 'activated']],
  inPlace: [
    ['out', 'gate'],
    ['out', 'up'],
  ],
  check({ gate, up, out, activated }) {
    expectShape('swiglu up', up, gate.shape);
    expectShape('swiglu out', out, gate.shape);
    if (activated) expectShape('swiglu activated', activated, gate.shape);
  },
  flops: () => 0,
};

/** Backward of SwiGLU: du = dp∘a, dg = dp∘u∘σ∘(1 + g∘(1−σ)); a is recomputed where it was not kept. */
export interface SwigluBackwardArgs {
  readonly gate: Tensor;
  readonly up: Tensor;
  readonly activated?: Tensor;
  /** dp. */
  readonly dy: Tensor;
  readonly dGate: Tensor;
  readonly dUp: Tensor;
}

export const swigluBackward: OpSpec<SwigluBackwardArgs> = {
  access: { gate: 'read', up: 'read', activated: 'read', dy: 'read', dGate: 'write', dUp: 'write' },
  storage: [['gate', 'up', 'activated', 'dy', 'dGate', 'dUp']],
  inPlace: [
    ['dGate', 'dy'],
    ['dUp', 'dy'],
    ['dGate', 'gate'],
    ['dUp', 'up'],
  ],
  check({ gate, up, activated, dy, dGate, dUp }) {
    for (const [name, tensor] of Object.entries({ up, dy, dGate, dUp })) {
      expectShape(`swigluBackward ${name}`, tensor, gate.shape);
    }
    if (activated) expectShape('swigluBackward activated', activated, gate.shape);
  },
  flops: () => 0,
};

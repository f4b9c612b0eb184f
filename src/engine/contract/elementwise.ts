import { sizeOf, type Tensor } from '../tensor.js';
import { expectFloats, expectShape, expectTensor, type OpSpec, require } from './spec.js';
import { requireRounding, type StochasticRounding } from './stochastic-rounding.js';

/** out = value everywhere; out is f32 or bf16, or u8 for whole values from 0 to 255. */
export interface FillArgs {
  readonly out: Tensor;
  readonly value: number;
}

export const fill: OpSpec<FillArgs> = {
  access: { out: 'write' },
  check({ out, value }) {
    if (out.dtype !== 'u8') expectFloats('fill out', out, out.shape);
    const fits = out.dtype !== 'u8' || (Number.isInteger(value) && value >= 0 && value <= 255);
    require(fits, `fill: ${value} in a tensor of bytes`);
  },
  flops: () => 0,
};

/** out = x, converted between f32 and bf16 (nearest, ties to even) where the dtypes differ. */
export interface CopyArgs {
  readonly x: Tensor;
  /** Same number of elements as `x`. */
  readonly out: Tensor;
}

export const copy: OpSpec<CopyArgs> = {
  access: { x: 'read', out: 'write' },
  storage: [['x'], ['out']],
  check({ x, out }) {
    require(sizeOf(x.shape) === sizeOf(out.shape), `copy: [${x.shape}] into [${out.shape}]`);
  },
  flops: () => 0,
};

/** out = a + b. */
export interface AddArgs {
  readonly a: Tensor;
  readonly b: Tensor;
  readonly out: Tensor;
}

export const add: OpSpec<AddArgs> = {
  access: { a: 'read', b: 'read', out: 'write' },
  storage: [['a', 'b', 'out']],
  inPlace: [
    ['out', 'a'],
    ['out', 'b'],
  ],
  check({ a, b, out }) {
    expectShape('add b', b, a.shape);
    expectShape('add out', out, a.shape);
  },
  flops: () => 0,
};

/** x ← factor·x; with `by`, the factor is multiplied by it first. */
export interface ScaleArgs {
  readonly x: Tensor;
  readonly factor: number;
  /** [1]; a factor that only the engine knows, such as that of clipping. */
  readonly by?: Tensor;
}

export const scale: OpSpec<ScaleArgs> = {
  access: { x: 'update', by: 'read' },
  storage: [['x']],
  check({ by }) {
    if (by) expectTensor('scale by', by, [1]);
  },
  flops: () => 0,
};

/** out ← beta·out + alpha·x, the update of BLAS' name; with `alphaFactor`, alpha is multiplied by it first. */
export interface AxpbyArgs extends StochasticRounding {
  readonly x: Tensor;
  /** Same shape as `x`. */
  readonly out: Tensor;
  readonly alpha: number;
  readonly beta: number;
  /** [1]; a factor that only the engine knows, such as that of clipping. */
  readonly alphaFactor?: Tensor;
}

export const axpby: OpSpec<AxpbyArgs> = {
  access: { x: 'read', out: 'update', alphaFactor: 'read' },
  storage: [['x'], ['out']],
  check(args) {
    expectShape('axpby out', args.out, args.x.shape);
    if (args.alphaFactor) expectTensor('axpby alphaFactor', args.alphaFactor, [1]);
    requireRounding('axpby', [args.out], args);
  },
  flops: () => 0,
};

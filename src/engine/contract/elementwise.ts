import { sizeOf, type Tensor } from '../tensor.js';
import { expectTensor, type OpSpec, require } from './spec.js';

/** out = value everywhere; out is f32, or u8 for whole values from 0 to 255. */
export interface FillArgs {
  readonly out: Tensor;
  readonly value: number;
}

export const fill: OpSpec<FillArgs> = {
  access: { out: 'write' },
  check({ out, value }) {
    expectTensor('fill out', out, out.shape, out.dtype === 'u8' ? 'u8' : 'f32');
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
  check({ x, out }) {
    require(sizeOf(x.shape) === sizeOf(out.shape), `copy: [${x.shape}] into [${out.shape}]`);
    for (const { dtype } of [x, out]) require(dtype === 'f32' || dtype === 'bf16', `copy: no conversion for ${dtype}`);
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
  inPlace: [
    ['out', 'a'],
    ['out', 'b'],
  ],
  check({ a, b, out }) {
    expectTensor('add a', a, a.shape);
    expectTensor('add b', b, a.shape);
    expectTensor('add out', out, a.shape);
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
  check({ x, by }) {
    expectTensor('scale x', x, x.shape);
    if (by) expectTensor('scale by', by, [1]);
  },
  flops: () => 0,
};

/** out ← beta·out + alpha·x, the update of BLAS' name; with `alphaFactor`, alpha is multiplied by it first. */
export interface AxpbyArgs {
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
  check({ x, out, alphaFactor }) {
    expectTensor('axpby x', x, x.shape);
    expectTensor('axpby out', out, x.shape);
    if (alphaFactor) expectTensor('axpby alphaFactor', alphaFactor, [1]);
  },
  flops: () => 0,
};

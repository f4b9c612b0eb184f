import type { OpSpec, TensorArgument } from '../../src/engine/contract/spec.js';
import { type OpArgs, type OpName, ops } from '../../src/engine/index.js';
import type { Isa } from '../../src/engine/native/addon.js';
import type { Tensor } from '../../src/engine/tensor.js';
import type { Operand } from './operands.js';

/** Arguments of an op that are tensors, each replaced by its description; optional ones may be left out. */
export type Operands<K extends OpName> = {
  readonly [A in keyof OpArgs[K] as NonNullable<OpArgs[K][A]> extends Tensor ? A : never]: Operand;
};

/** Arguments of an op that are no tensors. */
export type Scalars<K extends OpName> = Omit<OpArgs[K], TensorArgument<OpArgs[K]>>;

/** Instruction sets whose bits may differ from those of the others; with the reason. */
export interface OwnBits {
  readonly tiers: readonly Isa[];
  readonly because: string;
  /** How much further from the reference they may be, beside the op's tolerance. */
  readonly absolute?: number;
}

export interface OpCase<K extends OpName> {
  readonly label: string;
  readonly operands: Operands<K>;
  readonly scalars: Scalars<K>;
  /** `[output, input]` that are one tensor. */
  readonly inPlace?: readonly [string, string];
  readonly ownBits?: OwnBits;
  /** Factor on the op's tolerance where the case is harder than the rule; with the reason. */
  readonly looser?: { readonly factor: number; readonly because: string };
}

/**
 * How far an f32 engine may be from float64. `rounded` means: exactly the float64 result rounded once.
 * Otherwise |got − want| ≤ absolute + relative·|want|.
 */
export type Tolerance = 'rounded' | { readonly absolute: number; readonly relative: number };

/** Everything the suites know about an op. */
export interface OpCases<K extends OpName> {
  readonly cases: readonly OpCase<K>[];
  readonly tolerance: (operands: Operands<K>, output: string, scalars: Scalars<K>) => Tolerance;
  /** Why the tolerance is what it is. */
  readonly because: string;
  /** Of the cases whose tensors are stored in bf16. */
  readonly ownBitsInBf16?: (scalars: Scalars<K>) => OwnBits;
  /** Inputs that follow from other inputs, for example what the forward pass would have left. */
  readonly prepare?: (operands: Operands<K>, scalars: Scalars<K>, label: string) => Promise<Partial<Operands<K>>>;
}

/** Distance of 1 to the next f32 number. */
export const epsilon32 = 2 ** -23;

/** Distance of 1 to the next bf16 number. */
export const epsilonBf16 = 2 ** -7;

/** The cases themselves and, for every pair that may be one tensor, the same case in place. */
export function withInPlace<K extends OpName>(op: K, cases: readonly OpCase<K>[]): readonly OpCase<K>[] {
  const spec: OpSpec<OpArgs[K]> = ops[op];
  const variants = (spec.inPlace ?? []).flatMap(([out, input]) =>
    cases
      .filter(({ operands }) => out in operands && input in operands)
      .map(
        (base): OpCase<K> => ({ ...base, label: `${base.label}, ${out} in place of ${input}`, inPlace: [out, input] }),
      ),
  );
  return [...cases, ...variants];
}

import type { OpSpec } from '../../src/engine/contract/spec.js';
import { type OpArgs, type OpName, opNames, ops } from '../../src/engine/index.js';
import { epsilonBf16, type OpCase, type OpCases, type Operands, type Scalars } from './op-case.js';
import type { Operand } from './operands.js';

type AllCases = { readonly [K in OpName]: OpCases<K> };

/**
 * All cases, and each of them once more for every choice of the op's storage groups that are bf16 (see `OpSpec.storage`). What is
 * stored in bf16 may be off by one more step of bf16: results that lie on both sides of a rounding boundary are neighbours there.
 */
export function withStoredTypes(all: AllCases): AllCases {
  return Object.fromEntries(opNames.map((op) => [op, ofOp(op, all)])) as unknown as AllCases;
}

function ofOp<K extends OpName>(op: K, all: AllCases): OpCases<K> {
  const given: OpCases<K> = all[op];
  const spec: OpSpec<OpArgs[K]> = ops[op];
  const cases = given.cases.filter(({ operands }) => Object.values<Operand>(operands).every(isNotBf16));
  const choices = subsets(spec.storage ?? []);
  return {
    ...given,
    cases: [
      ...given.cases,
      ...choices.flatMap((groups) =>
        cases.filter((base) => fits(base, groups)).map((base) => stored(base, groups, given.ownBitsInBf16)),
      ),
    ],
    tolerance(operands, output, scalars) {
      const tolerance = given.tolerance(operands, output, scalars);
      const written = Object.entries<Operand>({ ...operands }).find(([name]) => name === output);
      if (!spec.storage || tolerance === 'rounded' || written?.[1].dtype !== 'bf16') return tolerance;
      return { ...tolerance, relative: tolerance.relative + epsilonBf16 };
    },
  };
}

function isNotBf16({ dtype }: Operand): boolean {
  return dtype !== 'bf16';
}

/** All choices of at least one of these. */
function subsets<T>(all: readonly T[]): readonly (readonly T[])[] {
  return Array.from({ length: 2 ** all.length - 1 }, (_, bits) => all.filter((_, i) => ((bits + 1) >> i) & 1));
}

/** Whether what is written in place is stored like what it overwrites. */
function fits<K extends OpName>({ inPlace }: OpCase<K>, groups: readonly (readonly string[])[]): boolean {
  const chosen = groups.flat();
  return new Set(inPlace?.map((name) => chosen.includes(name))).size < 2;
}

function stored<K extends OpName>(
  base: OpCase<K>,
  groups: readonly (readonly string[])[],
  ownBits: OpCases<K>['ownBitsInBf16'],
): OpCase<K> {
  const operands = Object.entries<Operand>({ ...base.operands }).map(([name, operand]): [string, Operand] => [
    name,
    groups.some((group) => group.includes(name)) ? { ...operand, dtype: 'bf16' } : operand,
  ]);
  return {
    ...base,
    ...(ownBits && { ownBits: ownBits(base.scalars) }),
    label: `${base.label}, bf16 ${groups.map(([first]) => first)}`,
    operands: Object.fromEntries(operands) as unknown as Operands<K>,
    // A key that ops without stochastic rounding do not look at.
    scalars: { ...base.scalars, rounding: [77, 99] } as Scalars<K>,
  };
}

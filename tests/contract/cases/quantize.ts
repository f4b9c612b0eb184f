import { packedBytes, quantizedBits, quantizedGroups } from '../../../src/engine/contract/quantize.js';
import { stepSlopes } from '../../../src/engine/contract/step-slope.js';
import { sizeOf } from '../../../src/engine/index.js';
import { type OpCase, type OpCases, withInPlace } from '../op-case.js';
import { byIndex, bytes, normal, normalBf16, type Operand, output } from '../operands.js';

/** One element, parts of a byte, of a vector and of a group, whole groups, and more than one thread's share. */
const shapes: readonly (readonly number[])[] = [[1], [3], [7], [33], [128], [129], [5, 26], [250, 77], [40_000]];

function codesOf(shape: readonly number[], bits: number) {
  return [packedBytes(sizeOf(shape), bits)];
}

function scalesOf(shape: readonly number[]) {
  return [quantizedGroups(sizeOf(shape)), 2];
}

/** Groups that are constant, tiny, huge, far from zero, on both sides of it, and with a NaN. */
const hard = byIndex([6, 128], (index) => {
  const wave = Math.sin(index);
  const values = [
    3.7,
    wave * 1e-40,
    wave * 3e38,
    1000 + wave,
    -5 - Math.abs(wave),
    index % 50 === 0 ? Number.NaN : wave,
  ];
  return values[Math.floor(index / 128)];
});

function quantizeCase(label: string, x: Operand, bits: (typeof quantizedBits)[number]): OpCase<'quantize'> {
  return {
    label: `${label} in ${bits} bits`,
    operands: { x, codes: output(codesOf(x.shape, bits), 'u8'), scales: output(scalesOf(x.shape), 'bf16') },
    scalars: { bits, key: [0xdeadbeef, bits] },
  };
}

export const quantizeCases: OpCases<'quantize'> = {
  cases: quantizedBits.flatMap((bits) => [
    ...shapes.map((shape) => quantizeCase(`[${shape}]`, normal(shape, 2, 0.3), bits)),
    quantizeCase('hard groups', hard, bits),
  ]),
  tolerance: () => 'rounded',
  because: 'codes are decisions, taken in the same f32 steps everywhere',
};

export const dequantizeCases: OpCases<'dequantize'> = {
  cases: quantizedBits.flatMap((bits) =>
    shapes.map((shape) => ({
      label: `[${shape}] from ${bits} bits`,
      operands: { codes: bytes(codesOf(shape, bits)), scales: normalBf16(scalesOf(shape)), out: output(shape) },
      scalars: { bits },
    })),
  ),
  tolerance: () => 'rounded',
  because: 'the product of a code and a bf16 number is exact: one rounding',
};

const functions = Object.keys(stepSlopes) as (keyof typeof stepSlopes)[];

export const slopeCodesCases: OpCases<'slopeCodes'> = {
  cases: functions.flatMap((name) =>
    shapes.map((shape) => ({
      label: `[${shape}] for ${name}`,
      operands: { x: normal(shape, 4), codes: output(codesOf(shape, 2), 'u8') },
      scalars: { function: name },
    })),
  ),
  tolerance: () => 'rounded',
  because: 'comparisons of f32 numbers',
};

export const slopeBackwardCases: OpCases<'slopeBackward'> = {
  cases: withInPlace(
    'slopeBackward',
    functions.flatMap((name) =>
      shapes.map((shape) => ({
        label: `[${shape}] for ${name}`,
        operands: { codes: bytes(codesOf(shape, 2)), dy: normal(shape), dx: output(shape) },
        scalars: { function: name },
      })),
    ),
  ),
  tolerance: () => 'rounded',
  because: 'one product',
};

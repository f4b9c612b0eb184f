import { type FastFamily, fastFamilies } from '../../../src/engine/index.js';
import { epsilon32, type OpCase, type OpCases } from '../op-case.js';
import { normal, output } from '../operands.js';

/** Rows, input width n, rank r: widths that are powers of two, just above one, and far from one; ranks below four and odd. */
const shapes: readonly (readonly [number, number, number])[] = [
  [1, 1, 1],
  [3, 2, 1],
  [5, 7, 3],
  [16, 16, 16],
  [33, 40, 11],
  [17, 64, 16],
  [50, 172, 43],
  [31, 257, 64],
  [4, 2048, 130],
];

function casesOf<C>(make: (shape: readonly [number, number, number], family: FastFamily, index: number) => C): C[] {
  return fastFamilies.flatMap((family) => shapes.map((shape, index) => make(shape, family, index)));
}

const labelOf = (family: FastFamily, shape: readonly number[]) => `${family} ${shape.join('x')}`;
const scalarsOf = (family: FastFamily, index: number) => ({ family, key: [0xc0ffee00 + index, 0x8badf00d] }) as const;

export const fastMatrixCases: OpCases<'fastMatrix'> = {
  cases: casesOf(
    ([, n, r], family, index): OpCase<'fastMatrix'> => ({
      label: labelOf(family, [n, r]),
      operands: { out: output([n, r]) },
      scalars: scalarsOf(family, index),
    }),
  ),
  tolerance: () => 'rounded',
  because: 'entries are 0 or one number with a sign',
};

export const fastProjectCases: OpCases<'fastProject'> = {
  cases: casesOf(
    ([rows, n, r], family, index): OpCase<'fastProject'> => ({
      label: labelOf(family, [rows, n, r]),
      operands: { x: normal([rows, n]), out: output([rows, r]) },
      scalars: scalarsOf(family, index),
    }),
  ),
  tolerance: ({ x, out }) => tolerance(x.shape[1], out.shape[1]),
  because: 'log2(n) levels of sums of up to n terms of size 1/√r, or sums of some terms of size 1/2',
};

export const fastExpandCases: OpCases<'fastExpand'> = {
  cases: casesOf(
    ([rows, n, r], family, index): OpCase<'fastExpand'> => ({
      label: labelOf(family, [rows, n, r]),
      operands: { x: normal([r, rows]), out: normal([rows, n]) },
      scalars: scalarsOf(family, index),
    }),
  ),
  tolerance: ({ x, out }) => tolerance(out.shape[1], x.shape[0]),
  because: 'as in the projection, and one addition to what was there',
};

function tolerance(inputSize: number, rank: number) {
  return { absolute: (4 + Math.log2(inputSize)) * Math.sqrt(inputSize / rank) * epsilon32, relative: 4 * epsilon32 };
}

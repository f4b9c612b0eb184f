import { epsilon32, type OpCase, type OpCases } from '../op-case.js';
import { normal, output } from '../operands.js';

type Extents = readonly [m: number, n: number, k: number];

interface Options {
  readonly transA?: boolean;
  readonly transB?: boolean;
  readonly ending?: 'accumulate' | 'addend';
}

/** B is scaled by 1/√K, so that results are about 1 whatever K is. */
function product([m, n, k]: Extents, { transA = false, transB = false, ending }: Options = {}): OpCase<'gemm'> {
  const layout = `${transA ? 'T' : 'N'}${transB ? 'T' : 'N'}`;
  return {
    label: `${m}x${n}x${k} ${layout}${ending ? ` with ${ending}` : ''}`,
    operands: {
      a: normal(transA ? [k, m] : [m, k]),
      b: normal(transB ? [n, k] : [k, n], 1 / Math.sqrt(k)),
      out: ending === 'accumulate' ? normal([m, n]) : output([m, n]),
      ...(ending === 'addend' && { addend: normal([m, n]) }),
    },
    scalars: { transA, transB, ...(ending === 'accumulate' && { accumulate: true }) },
  };
}

const layouts = [false, true].flatMap((transA) => [false, true].map((transB) => ({ transA, transB })));
const endings = [{}, { ending: 'accumulate' }, { ending: 'addend' }] as const;

/** Every layout with every ending: a full set of tiles, a ragged one, and vectors. */
const everyWay: readonly Extents[] = [
  [64, 64, 64],
  [33, 37, 29],
  [1, 7, 33],
];

/** Every layout: thin, flat and deep shapes, on both sides of the register tiles (14 or 6 rows, 32 or 16 columns). */
const everyLayout: readonly Extents[] = [
  [1, 1, 1],
  [7, 1, 5],
  [250, 77, 333],
  [13, 31, 383],
  [14, 32, 384],
  [15, 33, 385],
  [6, 16, 769],
];

/** Beyond one block of K, of rows and of columns. */
const large: readonly [Extents, Options][] = [
  [[20, 40, 1200], {}],
  [[20, 40, 1200], { ending: 'accumulate' }],
  [[20, 40, 1200], { ending: 'addend', transB: true }],
  [[590, 65, 48], { transB: true }],
  [[300, 50, 400], { transA: true, ending: 'accumulate' }],
  [[17, 4130, 40], { transB: true }],
  [[3, 2080, 390], {}],
  [[700, 300, 400], { transB: true }],
];

export const gemmCases: OpCases<'gemm'> = {
  cases: [
    ...everyWay.flatMap((extents) =>
      layouts.flatMap((layout) => endings.map((ending) => product(extents, { ...layout, ...ending }))),
    ),
    ...everyLayout.flatMap((extents) => layouts.map((layout) => product(extents, layout))),
    ...large.map(([extents, options]) => product(extents, options)),
  ],
  tolerance({ a }, _, { transA }) {
    const k = a.shape[transA ? 0 : 1];
    return { absolute: 2 * Math.sqrt(k) * epsilon32 + 2 * epsilon32, relative: epsilon32 };
  },
  because:
    'K roundings of partial sums of at most about 1 add up like a random walk: √K·ε, with five deviations of room',
};

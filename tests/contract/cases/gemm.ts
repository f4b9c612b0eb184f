import { threefry, uniform } from '../../../src/engine/index.js';
import { epsilon32, epsilonBf16, type OpCase, type OpCases } from '../op-case.js';
import { normal, normalBf16, type Operand, output } from '../operands.js';

type Extents = readonly [m: number, n: number, k: number];

interface Options {
  readonly transA?: boolean;
  readonly transB?: boolean;
  readonly ending?: 'accumulate' | 'addend';
  /** Tensors that are stored in bf16. */
  readonly bf16?: readonly ('a' | 'b' | 'out' | 'addend')[];
}

const ownBits = {
  tiers: ['avx512bf16'],
  because: 'the processor rounds products of pairs in an order of its own',
} as const;

/** B is scaled by 1/√K, so that results are about 1 whatever K is. */
function product(
  [m, n, k]: Extents,
  { transA = false, transB = false, ending, bf16 = [] }: Options = {},
  prefix = '',
): OpCase<'gemm'> {
  const layout = `${transA ? 'T' : 'N'}${transB ? 'T' : 'N'}`;
  const stored = (name: 'a' | 'b' | 'out' | 'addend', shape: readonly number[], deviation = 1): Operand =>
    bf16.includes(name) ? normalBf16(shape, deviation) : normal(shape, deviation);
  return {
    label: `${prefix}${m}x${n}x${k} ${layout}${ending ? ` with ${ending}` : ''}${bf16.length > 0 ? `, bf16 ${bf16}` : ''}`,
    operands: {
      a: stored('a', transA ? [k, m] : [m, k]),
      b: stored('b', transB ? [n, k] : [k, n], 1 / Math.sqrt(k)),
      out: ending === 'accumulate' ? stored('out', [m, n]) : output([m, n], bf16.includes('out') ? 'bf16' : 'f32'),
      ...(ending === 'addend' && { addend: stored('addend', [m, n]) }),
    },
    ...(bf16.includes('a') && bf16.includes('b') && { ownBits }),
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
  [13, 31, 511],
  [14, 32, 512],
  [15, 33, 513],
  [6, 16, 1025],
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
  [[300, 5, 700], { ending: 'accumulate' }],
  [[61, 16, 1030], { transA: true, ending: 'addend' }],
  [[47, 1, 60], { transB: true }],
];

/** Every mix of f32 and bf16 on a shape with odd edges; whole models' layouts and endings where all or most are bf16. */
const mixed: readonly [Extents, Options][] = [
  ...[0, 1, 2, 3, 4, 5, 6, 7].map((bits): [Extents, Options] => {
    const names = (['a', 'b', 'out'] as const).filter((_, index) => (bits >> index) & 1);
    return [[29, 35, 53], { bf16: [...names, 'addend'], ending: 'addend', transB: true }];
  }),
  ...layouts.flatMap((layout): [Extents, Options][] => [
    [[61, 83, 531], { ...layout, bf16: ['a', 'b', 'out'] }],
    [[61, 83, 531], { ...layout, bf16: ['a', 'b', 'out'], ending: 'accumulate' }],
    [[61, 83, 531], { ...layout, bf16: ['a', 'b'], ending: 'accumulate' }],
    [[61, 83, 531], { ...layout, bf16: ['a', 'b', 'out', 'addend'], ending: 'addend' }],
    [[1, 45, 37], { ...layout, bf16: ['a', 'b', 'out'] }],
    [[290, 33, 801], { ...layout, bf16: ['a', 'b', 'out'], ending: 'accumulate' }],
    [[90, 3, 801], { ...layout, bf16: ['a', 'b', 'out'], ending: 'accumulate' }],
  ]),
];

/** Shapes, layouts, endings and dtypes by chance: odd edges of every kind, most of them small, few with several blocks. */
const fuzzed: readonly [Extents, Options][] = Array.from({ length: 72 }, (_, index) => {
  const word = (purpose: number) => threefry([0xf022, purpose], index, 0);
  /** Between 1 and `limit`, short ones as likely as long ones. */
  const extent = (purpose: number, limit: number) => Math.floor(limit ** uniform(word(purpose)[0])) || 1;
  const chosen = word(0)[0];
  const limits = [
    [60, 120, 1200],
    [330, 40, 130],
    [12, 500, 300],
    [400, 17, 600],
  ][index % 4];
  const ending = endings[chosen % 3];
  const names = (['a', 'b', 'out', 'addend'] as const).filter((_name, bit) => (word(1)[1] >> bit) & 1);
  const bf16 = names.filter((name) => name !== 'addend' || ('ending' in ending && ending.ending === 'addend'));
  const [m, n, k] = limits.map((limit, axis) => extent(2 + axis, limit));
  return [[m, n, k], { ...layouts[(chosen >> 4) % 4], ...ending, bf16 }];
});

export const gemmCases: OpCases<'gemm'> = {
  cases: [
    ...everyWay.flatMap((extents) =>
      layouts.flatMap((layout) => endings.map((ending) => product(extents, { ...layout, ...ending }))),
    ),
    ...everyLayout.flatMap((extents) => layouts.map((layout) => product(extents, layout))),
    ...large.map(([extents, options]) => product(extents, options)),
    ...mixed.map(([extents, options]) => product(extents, options)),
    ...fuzzed.map(([extents, options], index) => product(extents, options, `chance ${index}: `)),
  ],
  tolerance({ a, out }, _, { transA }) {
    const k = a.shape[transA ? 0 : 1];
    const relative = out.dtype === 'bf16' ? epsilonBf16 : epsilon32;
    return { absolute: 2 * Math.sqrt(k) * epsilon32 + 2 * epsilon32, relative };
  },
  because:
    'K roundings of partial sums of at most about 1 add up like a random walk: √K·ε, with five deviations of room; where ' +
    'they lie on both sides of a rounding boundary of bf16, the results are neighbours there',
};

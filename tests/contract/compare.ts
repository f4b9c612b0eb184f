import type { Numbers } from '../../src/engine/index.js';
import type { Tolerance } from './op-case.js';

/** The worst disagreement of an engine's values with float64 ones, as a sentence; undefined where all are near enough. */
export function disagreement(got: Numbers, want: Numbers, tolerance: Tolerance, factor = 1): string | undefined {
  if (got.length !== want.length) return `${got.length} values, expected ${want.length}`;
  let worst: string | undefined;
  let worstRatio = 0;
  for (let i = 0; i < got.length; i++) {
    if (Object.is(got[i], Math.fround(want[i]))) continue;
    const allowed =
      tolerance === 'rounded' ? 0 : factor * (tolerance.absolute + tolerance.relative * Math.abs(want[i]));
    const error = Math.abs(got[i] - want[i]);
    if (error <= allowed) continue;
    const ratio = Number.isFinite(error) ? error / allowed : Number.POSITIVE_INFINITY;
    if (worst !== undefined && !(ratio > worstRatio)) continue;
    worst = `[${i}] is ${got[i]}, expected ${want[i]}: off by ${error}, allowed ${allowed}`;
    worstRatio = ratio;
  }
  return worst;
}

/** The first difference of bits, as a sentence; undefined where there is none. */
export function bitDifference(a: Numbers, b: Numbers): string | undefined {
  if (a.length !== b.length) return `${a.length} values against ${b.length}`;
  for (let i = 0; i < a.length; i++) {
    if (!Object.is(a[i], b[i])) return `[${i}] is ${a[i]} and ${b[i]}`;
  }
  return undefined;
}

import type { GeluArgs, GeluBackwardArgs, GeluForm, TanhArgs, TanhBackwardArgs } from '../contract/activation.js';
import type { ReferenceMemory } from './memory.js';

/** out = GELU(x). */
export function gelu(memory: ReferenceMemory, args: GeluArgs): void {
  const x = memory.floats(args.x);
  const out = memory.floats(args.out);
  for (let i = 0; i < out.length; i++) out[i] = x[i] * gate(x[i], args.form);
}

/** dx = dy∘GELU′(x). */
export function geluBackward(memory: ReferenceMemory, args: GeluBackwardArgs): void {
  const x = memory.floats(args.x);
  const dy = memory.floats(args.dy);
  const dx = memory.floats(args.dx);
  for (let i = 0; i < dx.length; i++) dx[i] = dy[i] * (gate(x[i], args.form) + x[i] * gateSlope(x[i], args.form));
}

/** out = tanh(x). */
export function tanh(memory: ReferenceMemory, args: TanhArgs): void {
  const x = memory.floats(args.x);
  const out = memory.floats(args.out);
  for (let i = 0; i < out.length; i++) out[i] = Math.tanh(x[i]);
}

/** dx = dy∘(1 − y²). */
export function tanhBackward(memory: ReferenceMemory, args: TanhBackwardArgs): void {
  const y = memory.floats(args.y);
  const dy = memory.floats(args.dy);
  const dx = memory.floats(args.dx);
  for (let i = 0; i < dx.length; i++) dx[i] = dy[i] * (1 - y[i] * y[i]);
}

/** GELU(x)/x: Φ(x), or ½(1 + tanh(√(2/π)·(x + 0.044715x³))). */
function gate(x: number, form: GeluForm): number {
  if (form === 'tanh') return 0.5 * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
  return 0.5 * complementaryError(-x / Math.SQRT2);
}

function gateSlope(x: number, form: GeluForm): number {
  if (form === 'exact') return Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);
  const t = Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3));
  return 0.5 * (1 - t * t) * Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * x * x);
}

/** Below this erf is taken from its power series, above from the continued fraction of erfc. */
const seriesLimit = 2.5;

/** erfc(x) = 1 − erf(x) to float64's accuracy. */
function complementaryError(x: number): number {
  if (Number.isNaN(x)) return x;
  if (x < 0) return 2 - complementaryError(-x);
  return x < seriesLimit ? 1 - errorSeries(x) : errorFraction(x);
}

/** erf(x) = 2/√π·e^(−x²)·Σ 2ᵏ·x^(2k+1)/(2k+1)!!: all terms positive, so nothing cancels. */
function errorSeries(x: number): number {
  let term = x;
  let sum = x;
  for (let k = 1; term > sum * 1e-17; k++) {
    term *= (2 * x * x) / (2 * k + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

/** erfc(x) = e^(−x²)/√π·1/(x + ½/(x + 1/(x + 3⁄2/(x + ...)))), from the inside out. */
function errorFraction(x: number): number {
  let tail = x;
  for (let k = 120; k > 0; k--) tail = x + k / 2 / tail;
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / tail;
}

import { matrix } from '../contract/spec.js';
import type { SubtokenDirectionArgs, SubtokenExpandArgs, SubtokenProjectArgs } from '../contract/subtoken.js';
import type { ReferenceMemory } from './memory.js';

/** Column j of a token belongs to place j mod M of its sub-token. The mean's factor goes with the division by the length. */
export function subtokenDirection(memory: ReferenceMemory, args: SubtokenDirectionArgs): void {
  const [tokens, width] = matrix('subtokenDirection x', args.x);
  const x = memory.floats(args.x);
  const out = memory.floats(args.out).fill(0);
  for (let token = 0; token < tokens; token++) {
    for (let j = 0; j < width; j++) out[j % out.length] += x[token * width + j];
  }
  const length = Math.hypot(...out);
  // Sub-tokens that cancel have no direction; any unit vector is as good.
  if (length > 0) for (let i = 0; i < out.length; i++) out[i] /= length;
  else out[0] = 1;
}

/** Z[t, g] = Σ x[t, gM + i]·v[i]. */
export function subtokenProject(memory: ReferenceMemory, args: SubtokenProjectArgs): void {
  const [tokens, width] = matrix('subtokenProject x', args.x);
  const [, groups] = matrix('subtokenProject out', args.out);
  const x = memory.floats(args.x);
  const direction = memory.floats(args.direction);
  const out = memory.floats(args.out).fill(0);
  for (let token = 0; token < tokens; token++) {
    for (let j = 0; j < width; j++) {
      out[token * groups + Math.floor(j / direction.length)] += x[token * width + j] * direction[j % direction.length];
    }
  }
}

/** out[o, gM + i] (+)= factor·C[o, g]·v[i]. */
export function subtokenExpand(memory: ReferenceMemory, args: SubtokenExpandArgs): void {
  const { factor, accumulate = false } = args;
  const [rows, width] = matrix('subtokenExpand out', args.out);
  const [, groups] = matrix('subtokenExpand coefficients', args.coefficients);
  const coefficients = memory.floats(args.coefficients);
  const direction = memory.floats(args.direction);
  const out = memory.floats(args.out);
  for (let row = 0; row < rows; row++) {
    for (let j = 0; j < width; j++) {
      const coefficient = factor * coefficients[row * groups + Math.floor(j / direction.length)];
      out[row * width + j] = coefficient * direction[j % direction.length] + (accumulate ? out[row * width + j] : 0);
    }
  }
}

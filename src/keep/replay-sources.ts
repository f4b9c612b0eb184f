import type { Value } from '../tape/index.js';

/**
 * Whether a value can be computed again from what is kept. Above frozen layers it cannot: nothing below had to be kept for
 * a gradient, down to the inputs of the pass.
 */
export function canBeReplayed(value: Value, seen = new Map<Value, boolean>()): boolean {
  // Of one that a slot waits for it is known already.
  if (value.keptExactly || value.encoded || value.awaited) return true;
  const known = seen.get(value);
  if (known !== undefined) return known;
  const can = value.recipe?.inputs.every((input) => canBeReplayed(input, seen)) ?? false;
  seen.set(value, can);
  return can;
}

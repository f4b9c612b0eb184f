import { InputError } from '../../engine/errors.js';
import { deriveKey, permutation } from '../../engine/threefry.js';

/** Rows to train on, and rows to measure on. */
export interface Split<T> {
  readonly train: readonly T[];
  readonly validation: readonly T[];
}

/**
 * A fraction of the rows held out, at least one on each side; drawn by the seed, since files are often sorted by label.
 *
 * @throws InputError if there is only one row
 */
export function holdOut<T>(rows: readonly T[], fraction: number, seed: number): Split<T> {
  if (rows.length < 2) throw new InputError('one row is too little to train on and to hold out', 'give more rows');
  const order = permutation(deriveKey(seed, 'dataOrder', 2, 0), rows.length);
  const heldOut = Math.min(rows.length - 1, Math.max(1, Math.round(rows.length * fraction)));
  const pick = (places: Uint32Array) => Array.from(places.sort(), (place) => rows[place]);
  return { train: pick(order.slice(heldOut)), validation: pick(order.slice(0, heldOut)) };
}

/** At most so many of the rows, drawn by the seed, in their order. */
export function drawRows<T>(rows: readonly T[], most: number | undefined, seed: number): readonly T[] {
  if (most === undefined || most >= rows.length) return rows;
  const order = permutation(deriveKey(seed, 'dataOrder', 3, 0), rows.length);
  return Array.from(order.slice(0, most).sort(), (place) => rows[place]);
}

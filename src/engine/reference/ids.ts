import { ignoredTarget } from '../contract/loss.js';
import { ShapeError } from '../errors.js';

/** Throws unless all ids are below `limit`; targets may also be the one that is ignored. */
export function checkIds(op: string, ids: Int32Array, limit: number, mayIgnore = false): void {
  for (const [index, id] of ids.entries()) {
    if ((id >= 0 && id < limit) || (mayIgnore && id === ignoredTarget)) continue;
    throw new ShapeError(`${op}: id ${id} at position ${index} lies outside 0 … ${limit - 1}`);
  }
}

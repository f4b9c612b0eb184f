import { deriveKey, type RandomKey, threefry } from '../engine/index.js';
import type { PassPosition } from './pass-position.js';

/**
 * Keys of the random numbers that forms draw: a pure function of the run's seed, the slot and the pass. Nothing of it is a run's state, so a
 * resumed run draws the same numbers.
 */
export class SlotKeys {
  readonly #seed: number;
  #position: PassPosition = { step: 0, microBatch: 0 };

  constructor(seed: number) {
    this.#seed = seed;
  }

  moveTo(position: PassPosition): void {
    this.#position = position;
  }

  of(slot: string): RandomKey {
    const { step, microBatch } = this.#position;
    return threefry(deriveKey(this.#seed, 'keeping', hash(slot), step), microBatch, 0);
  }
}

/** FNV-1a of a slot's name: slots are told apart by what they are called, not by the order in which they come. */
function hash(name: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) value = Math.imul(value ^ name.charCodeAt(i), 0x01000193) >>> 0;
  return value;
}

import { deriveKey, type Engine, type RandomKey, type Tensor } from '../engine/index.js';

/** Projection families; all have E[P·Pᵀ] = I. */
export const projectionFamilies = ['gaussian', 'rademacher', 'orthonormal'] as const;
export type ProjectionFamily = (typeof projectionFamilies)[number];

/** What a projection P [n, r] is made from; P itself is never part of a checkpoint. */
export interface Sketch {
  /** Index of the sketch group; layers that share an input may share a group. */
  readonly group: number;
  /** n, the layer's input width. */
  readonly inputSize: number;
  /** r, 1 ≤ r ≤ n. */
  readonly rank: number;
  readonly family: ProjectionFamily;
}

/** Where P comes from; the same P for the same sketch between two steps. */
export interface ProjectionSource {
  /** Calls `body` with P [n, r], which is valid during the call only. */
  with(sketch: Sketch, body: (p: Tensor) => void): void;
}

/**
 * Makes the projections of a training run: P(group, s) with s = ⌊t/T⌋, the same in forward, in backward and in the update
 * of step t.
 *
 * Gaussian and Rademacher matrices are made anew wherever they are needed. An orthonormal P costs 2nr² operations, so one
 * per group is kept between resamplings, booked as `projection`.
 */
export class Projections implements ProjectionSource, Disposable {
  readonly #engine: Engine;
  readonly #seed: number;
  readonly #updateGap: number;
  readonly #stored = new Map<number, { readonly tensor: Tensor; readonly sketch: Sketch }>();
  #epoch = 0;

  /** @param updateGap T, steps between resamplings; Infinity never resamples */
  constructor(engine: Engine, seed: number, updateGap: number, sketches: Iterable<Sketch>) {
    this.#engine = engine;
    this.#seed = seed;
    this.#updateGap = updateGap;
    for (const sketch of sketches) {
      if (sketch.family !== 'orthonormal' || this.#stored.has(sketch.group)) continue;
      const tensor = this.#allocate(sketch);
      this.#stored.set(sketch.group, { tensor, sketch });
      this.#make(sketch, tensor);
    }
  }

  /** Moves to the projections of step t (completed steps before it); to be called between steps only. */
  setStep(step: number): void {
    const epoch = this.#updateGap === Number.POSITIVE_INFINITY ? 0 : Math.floor(step / this.#updateGap);
    if (epoch === this.#epoch) return;
    this.#epoch = epoch;
    for (const { tensor, sketch } of this.#stored.values()) this.#make(sketch, tensor);
  }

  with(sketch: Sketch, body: (p: Tensor) => void): void {
    const stored = this.#stored.get(sketch.group);
    if (stored) {
      body(stored.tensor);
      return;
    }
    const p = this.#allocate(sketch);
    this.#make(sketch, p);
    body(p);
    this.#engine.release(p);
  }

  [Symbol.dispose](): void {
    for (const { tensor } of this.#stored.values()) this.#engine.release(tensor);
    this.#stored.clear();
  }

  #allocate(sketch: Sketch): Tensor {
    const shape = [sketch.inputSize, sketch.rank];
    return this.#engine.allocate({ shape, role: 'projection', name: `projection.${sketch.group}` });
  }

  #make(sketch: Sketch, out: Tensor): void {
    const key: RandomKey = deriveKey(this.#seed, 'projection', sketch.group, this.#epoch);
    const { inputSize, rank, family } = sketch;
    if (family === 'orthonormal') {
      this.#engine.run('random', { out, family: 'gaussian', key, deviation: 1 });
      this.#engine.run('orthonormalize', { x: out, factor: Math.sqrt(inputSize / rank) });
    } else {
      this.#engine.run('random', { out, family, key, deviation: 1 / Math.sqrt(rank) });
    }
  }
}

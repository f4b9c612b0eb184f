import { deriveKey, type Engine, type FastFamily, fastFamilies, type RandomKey, type Tensor } from '../engine/index.js';

/**
 * Projection families; all have E[P·Pᵀ] = I. The relative error e² = E‖P·Pᵀ·G − G‖²/‖G‖² is (n+1)/r for `gaussian`, (n−1)/r for
 * `rademacher` and `sparse`, n/r − 1 for `orthonormal`, and (n−1)(n'−r)/(r(n'−1)) for `srht`, n' being the next power of two.
 * `sparse` and `srht` are applied without a matrix product.
 */
export const projectionFamilies = ['gaussian', 'rademacher', 'orthonormal', ...fastFamilies] as const;
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
  /** out = X·P for X [N, n] and `out` [N, r]. */
  project(sketch: Sketch, x: Tensor, out: Tensor): void;
  /** W ← W + (P·U)ᵀ for U [r, m] and W [m, n]: an update in the subspace, expanded onto a weight stored [out, in]. */
  expand(sketch: Sketch, u: Tensor, weight: Tensor): void;
}

/**
 * Makes the projections of a training run: P(group, s) with s = ⌊t/T⌋, the same in forward, in backward and in the update
 * of step t.
 *
 * Matrices of independent entries are made anew wherever they are needed, fast ones never exist as matrices. An orthonormal P costs 2nr² operations, so one
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

  project(sketch: Sketch, x: Tensor, out: Tensor): void {
    const { family } = sketch;
    if (isFast(family)) this.#engine.run('fastProject', { x, out, family, key: this.#key(sketch) });
    else this.with(sketch, (p) => this.#engine.run('gemm', { a: x, b: p, out }));
  }

  expand(sketch: Sketch, u: Tensor, weight: Tensor): void {
    const { family } = sketch;
    if (isFast(family)) this.#engine.run('fastExpand', { x: u, out: weight, family, key: this.#key(sketch) });
    else {
      this.with(sketch, (p) =>
        this.#engine.run('gemm', { a: u, b: p, transA: true, transB: true, out: weight, accumulate: true }),
      );
    }
  }

  /** Calls `body` with P [n, r] itself, which is valid during the call only. */
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

  #key({ group }: Sketch): RandomKey {
    return deriveKey(this.#seed, 'projection', group, this.#epoch);
  }

  #make(sketch: Sketch, out: Tensor): void {
    const key = this.#key(sketch);
    const { inputSize, rank, family } = sketch;
    if (isFast(family)) {
      this.#engine.run('fastMatrix', { out, family, key });
    } else if (family === 'orthonormal') {
      this.#engine.run('random', { out, family: 'gaussian', key, deviation: 1 });
      this.#engine.run('orthonormalize', { x: out, factor: Math.sqrt(inputSize / rank) });
    } else {
      this.#engine.run('random', { out, family, key, deviation: 1 / Math.sqrt(rank) });
    }
  }
}

function isFast(family: ProjectionFamily): family is FastFamily {
  return family === 'sparse' || family === 'srht';
}

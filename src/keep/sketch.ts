import {
  deriveKey,
  type Engine,
  type FastFamily,
  type FloatType,
  fastFamilies,
  hadamardSize,
  type RandomKey,
  rows,
  type Tensor,
} from '../engine/index.js';
import { type DataBasis, renewBasis } from './data-basis.js';
import { PlanError } from './plan-error.js';
import { blockEpoch, staggeredBlocks } from './stagger.js';

/**
 * Projection families; all have E[P·Pᵀ] = I. The relative error e² = E‖P·Pᵀ·G − G‖²/‖G‖² is (n+1)/r for `gaussian`, (n−1)/r for
 * `rademacher` and `sparse`, n/r − 1 for `orthonormal`, and (n−1)(n'−r)/(r(n'−1)) for `srht`, n' being the next power of two.
 * `sparse` and `srht` are applied without a matrix product.
 */
export const projectionFamilies = ['gaussian', 'rademacher', 'orthonormal', ...fastFamilies] as const;
export type ProjectionFamily = (typeof projectionFamilies)[number];

/** e² of a random projection. */
export function squaredError({ family, inputSize: n, rank: r }: Sketch): number {
  switch (family) {
    case 'gaussian':
      return (n + 1) / r;
    case 'rademacher':
    case 'sparse':
      return (n - 1) / r;
    case 'orthonormal':
      return n / r - 1;
    case 'srht': {
      const padded = hadamardSize(n);
      return n === 1 ? 0 : ((n - 1) * (padded - r)) / (r * (padded - 1));
    }
  }
}

/** What a projection P [n, r] is made from. */
export interface Sketch {
  /** Index of the sketch group; layers that share an input may share a group. */
  readonly group: number;
  /** n, the layer's input width. */
  readonly inputSize: number;
  /** r, 1 ≤ r ≤ n. */
  readonly rank: number;
  readonly family: ProjectionFamily;
  /** Directions from the data instead of the seed alone; P is then stored and part of the checkpoint. */
  readonly basis?: DataBasis;
  /** Directions change a block at a time instead of all together; for families of independent entries. */
  readonly staggered?: boolean;
  /** Ĝ is brought back to the weight's shape in backward, so that any optimizer of dense gradients can use it. */
  readonly lifted?: boolean;
}

/** Where P comes from; the same P for the same sketch between two steps. */
export interface ProjectionSource {
  /** Shows the input X [N, n] of a layer before its first projection, for projections that follow the data. */
  observe?(sketch: Sketch, x: Tensor): void;
  /** out = X·P for X [N, n] and `out` [N, r]. */
  project(sketch: Sketch, x: Tensor, out: Tensor): void;
  /** M ← c·P_newᵀ·P_old·M for M [r, m]: what was gathered with the last projection, in the directions of this one. */
  transport(sketch: Sketch, moment: Tensor): void;
  /** W ← W + (P·U)ᵀ for U [r, m] and W [m, n]: an update in the subspace, expanded onto a weight stored [out, in]. */
  expand(sketch: Sketch, u: Tensor, weight: Tensor): void;
}

/**
 * Makes the projections of a training run: P(group, s) with s = ⌊t/T⌋, the same in forward, in backward and in the update
 * of step t.
 *
 * Matrices of independent entries are made anew wherever they are needed, fast ones never exist as matrices. An orthonormal P
 * costs 2nr² operations, and one from the data cannot be had without it, so these are kept between resamplings, booked as
 * `projection`.
 */
export class Projections implements ProjectionSource, Disposable {
  readonly #engine: Engine;
  readonly #seed: number;
  readonly #updateGap: number;
  readonly #dtype: FloatType;
  readonly #stored = new Map<number, { readonly tensor: Tensor; readonly sketch: Sketch }>();
  /** Groups whose P waits for the first input of a step that renews it. */
  readonly #waiting = new Set<number>();
  #step = 0;
  #epoch = 0;

  /**
   * @param updateGap T, steps between resamplings; Infinity never resamples
   * @param dtype what projections are stored in
   */
  constructor(engine: Engine, seed: number, updateGap: number, sketches: Iterable<Sketch>, dtype: FloatType = 'f32') {
    this.#engine = engine;
    this.#seed = seed;
    this.#updateGap = updateGap;
    this.#dtype = dtype;
    for (const sketch of sketches) {
      if ((sketch.family !== 'orthonormal' && !sketch.basis) || this.#stored.has(sketch.group)) continue;
      const tensor = this.#allocate(sketch);
      this.#stored.set(sketch.group, { tensor, sketch });
      this.#make(sketch, tensor);
    }
    this.setStep(0);
  }

  /** Moves to the projections of step t (completed steps before it); to be called between steps only. */
  setStep(step: number): void {
    const gap = this.#updateGap;
    const epoch = gap === Number.POSITIVE_INFINITY ? 0 : Math.floor(step / gap);
    this.#step = step;
    this.#waiting.clear();
    if (this.renews(step)) for (const { sketch } of this.#fromData()) this.#waiting.add(sketch.group);
    if (epoch === this.#epoch) return;
    this.#epoch = epoch;
    for (const { tensor, sketch } of this.#stored.values()) if (!sketch.basis) this.#make(sketch, tensor);
  }

  /** Whether step t takes directions from its data; a run that is resumed at another step goes on with those it has. */
  renews(step: number): boolean {
    const due = this.#updateGap === Number.POSITIVE_INFINITY ? step === 0 : step % this.#updateGap === 0;
    return due && this.#fromData().length > 0;
  }

  /** Lets P follow the input X [N, n] of a layer, where it waits for one. All micro-batches of a step then use the same P. */
  observe(sketch: Sketch, x: Tensor): void {
    const stored = this.#stored.get(sketch.group);
    if (!stored || !sketch.basis || !this.#waiting.delete(sketch.group)) return;
    renewBasis(this.#engine, sketch.basis, x, stored.tensor, this.#key(sketch));
  }

  /** Projections that a checkpoint has to hold, by name. */
  state(): ReadonlyMap<string, Tensor> {
    return new Map(this.#fromData().map(({ tensor, sketch }) => [`projection.${sketch.group}`, tensor]));
  }

  project(sketch: Sketch, x: Tensor, out: Tensor): void {
    const { family, basis } = sketch;
    if (isFast(family) && !basis) this.#engine.run('fastProject', { x, out, family, key: this.#key(sketch) });
    else if (sketch.staggered) {
      this.#withDirections(sketch, (p) => this.#engine.run('gemm', { a: x, b: p, transB: true, out }));
    } else this.with(sketch, (p) => this.#engine.run('gemm', { a: x, b: p, out }));
  }

  expand(sketch: Sketch, u: Tensor, weight: Tensor): void {
    const { family, basis } = sketch;
    if (isFast(family) && !basis) this.#engine.run('fastExpand', { x: u, out: weight, family, key: this.#key(sketch) });
    else if (sketch.staggered) {
      this.#withDirections(sketch, (p) =>
        this.#engine.run('gemm', { a: u, b: p, transA: true, out: weight, accumulate: true }),
      );
    } else {
      this.with(sketch, (p) =>
        this.#engine.run('gemm', { a: u, b: p, transA: true, transB: true, out: weight, accumulate: true }),
      );
    }
  }

  transport(sketch: Sketch, moment: Tensor): void {
    const { rank } = sketch;
    const room = (shape: readonly number[]) =>
      this.#engine.allocate({ shape, role: 'workspace', name: `projection.${sketch.group}.transport` });
    const change = room([rank, rank]);
    const last = this.#allocate(sketch);
    this.#make(sketch, last, this.#epoch - 1);
    this.with(sketch, (p) => this.#engine.run('gemm', { a: p, b: last, transA: true, out: change }));
    this.#engine.release(last);
    this.#engine.run('scale', { x: change, factor: 1 / (1 + squaredError(sketch)) });
    const moved = room(moment.shape);
    this.#engine.run('gemm', { a: change, b: moment, out: moved });
    this.#engine.run('copy', { x: moved, out: moment });
    this.#engine.release(moved);
    this.#engine.release(change);
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

  /** Calls `body` with Pᵀ [r, n], whose blocks of rows change in turn, each drawn by a key of its own. */
  #withDirections(sketch: Sketch, body: (p: Tensor) => void): void {
    const { inputSize, rank, family, group } = sketch;
    if (family !== 'gaussian' && family !== 'rademacher') {
      throw new PlanError(
        `plan: ${family} projections change as a whole: their directions depend on one another`,
        'use gaussian or rademacher with a staggered refresh',
      );
    }
    const shape = [rank, inputSize];
    const name = `projection.${group}`;
    const p = this.#engine.allocate({ shape, dtype: this.#dtype, role: 'projection', name });
    const blocks = staggeredBlocks(rank, this.#updateGap);
    for (const block of blocks) {
      const draw = blockEpoch(block, this.#step, this.#updateGap) * blocks.length + block.index;
      const out = rows(p, block.begin, block.count);
      const key = this.#key(sketch, draw);
      this.#engine.run('random', { out, family, key, deviation: 1 / Math.sqrt(rank) });
    }
    body(p);
    this.#engine.release(p);
  }

  [Symbol.dispose](): void {
    for (const { tensor } of this.#stored.values()) this.#engine.release(tensor);
    this.#stored.clear();
  }

  #fromData() {
    return [...this.#stored.values()].filter(({ sketch }) => sketch.basis !== undefined);
  }

  #allocate(sketch: Sketch): Tensor {
    const shape = [sketch.inputSize, sketch.rank];
    const name = `projection.${sketch.group}`;
    return this.#engine.allocate({ shape, dtype: this.#dtype, role: 'projection', name });
  }

  #key({ group }: Sketch, epoch = this.#epoch): RandomKey {
    return deriveKey(this.#seed, 'projection', group, epoch);
  }

  #make(sketch: Sketch, out: Tensor, epoch = this.#epoch): void {
    const key = this.#key(sketch, epoch);
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

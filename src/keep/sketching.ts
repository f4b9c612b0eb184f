import type { Engine, Tensor } from '../engine/index.js';
import type { Kept, KeptInput, Parameter, Tape, Value } from '../tape/index.js';
import type { ProjectionSource, Sketch } from './sketch.js';

/** Z = X·P of one input and one sketch group, shared by the layers that use both. */
interface SharedSketch {
  z: Tensor | undefined;
  users: number;
}

/**
 * CompAct's compressed gradient (arXiv 2410.15352): Z = X·P instead of X, and Ĝ = Zᵀ·D, [r, m], instead of Xᵀ·D.
 * One instance serves one run; it knows which sketches of an input exist already.
 */
export class Sketcher {
  readonly #engine: Engine;
  readonly #projections: ProjectionSource;
  readonly #shared = new WeakMap<Value, Map<number, SharedSketch>>();

  constructor(engine: Engine, projections: ProjectionSource) {
    this.#engine = engine;
    this.#projections = projections;
  }

  /** `sketch`: Z is formed in forward and stored; the input is not held. */
  keepSketch(tape: Tape, slot: string, input: Value, weight: Parameter, sketch: Sketch): KeptInput {
    const shared = this.#share(input, sketch.group);
    const z = shared.z ?? this.#project(slot, input.tensor, sketch, 'saved');
    shared.z = z;
    return this.#compressedGradient(tape, input, weight, sketch, () => z);
  }

  /** `late-sketch`: nothing is stored; in backward the input is restored from `kept` and Z formed from it. */
  keepLateSketch(tape: Tape, slot: string, input: Value, weight: Parameter, sketch: Sketch, kept: Kept): KeptInput {
    const shared = this.#share(input, sketch.group);
    const late = this.#compressedGradient(tape, input, weight, sketch, () => {
      shared.z ??= this.#project(slot, kept.restore(), sketch, 'activation');
      return shared.z;
    });
    return {
      weightGradient: late.weightGradient,
      release: () => {
        late.release();
        kept.release();
      },
    };
  }

  /** Whether the sketch of this input is there already, kept for another layer. */
  holds(input: Value, { group }: Sketch): boolean {
    return this.#shared.get(input)?.get(group)?.z !== undefined;
  }

  #share(input: Value, group: number): SharedSketch {
    const groups = this.#shared.get(input) ?? new Map<number, SharedSketch>();
    this.#shared.set(input, groups);
    const shared = groups.get(group) ?? { z: undefined, users: 0 };
    groups.set(group, shared);
    shared.users += 1;
    return shared;
  }

  #project(slot: string, x: Tensor, sketch: Sketch, role: 'saved' | 'activation'): Tensor {
    this.#projections.observe?.(sketch, x);
    const z = this.#engine.allocate({ shape: [x.shape[0], sketch.rank], dtype: x.dtype, role, name: slot });
    this.#projections.project(sketch, x, z);
    return z;
  }

  #compressedGradient(tape: Tape, input: Value, weight: Parameter, sketch: Sketch, sketched: () => Tensor): KeptInput {
    return {
      weightGradient: (dy) => {
        const z = sketched();
        const shape = [sketch.rank, weight.tensor.shape[0]];
        const compress = (out: Tensor, accumulate = false) =>
          this.#engine.run('gemm', { a: z, b: dy, transA: true, out, accumulate });
        if (!sketch.lifted) {
          tape.addParameterGradient(weight, shape, compress);
          return;
        }
        // Like the gradient that it becomes, so that lifting is a product of two matrices of one type.
        const { dtype } = weight.tensor;
        const name = `${weight.name}.compressed`;
        const compressed = this.#engine.allocate({ shape, dtype, role: 'workspace', name });
        compress(compressed);
        tape.addParameterGradient(weight, weight.tensor.shape, (out, accumulate) => {
          if (!accumulate) this.#engine.run('fill', { out, value: 0 });
          this.#projections.expand(sketch, compressed, out);
        });
        this.#engine.release(compressed);
      },
      release: () => this.#release(input, sketch.group),
    };
  }

  #release(input: Value, group: number): void {
    const groups = this.#shared.get(input);
    const shared = groups?.get(group);
    if (!groups || !shared) return;
    shared.users -= 1;
    if (shared.users > 0) return;
    if (shared.z) this.#engine.release(shared.z);
    groups.delete(group);
  }
}

import { deriveKey, type Engine, type FloatType, InputError, sizeOf, type Tensor } from '../engine/index.js';
import type { ProjectionSource, Sketch } from '../keep/index.js';
import type { Parameter } from '../tape/index.js';
import { denseExpander, sketchExpander } from './expander.js';
import type { ParameterUpdater } from './parameter-updater.js';
import type { AdamWSettings, StepContext } from './settings.js';
import { StateRoom } from './state-room.js';
import type { MomentRules } from './subspace/renewed-moments.js';
import { createUpdater, type UpdateSpec } from './update-spec.js';

/** How one parameter is updated. */
export interface UpdateRule {
  readonly update: UpdateSpec;
  /** The sketch whose subspace the gradient and its moments live in; undefined for a dense gradient. */
  readonly sketch: Sketch | undefined;
  /** What becomes of the moments when the sketch's projection changes; they stay as they are where left out. */
  readonly moments?: MomentRules;
  /** Factor on the update: α for compressed layers, α·factor for the output projection, else 1. */
  readonly scale: number;
}

/** What the optimizer stores its part in. */
export interface OptimizerPrecision {
  /** First and second moments. */
  readonly moments: FloatType;
  /** An f32 copy of every weight takes the updates, and the bf16 weights are rounded from it. */
  readonly masterWeights: boolean;
}

export interface OptimizerOptions {
  readonly settings: AdamWSettings;
  readonly rules: (parameter: Parameter) => UpdateRule;
  /** Where the projections of sketched parameters come from. */
  readonly projections: ProjectionSource;
  /** Seed of what updates make at random, and of the stochastic rounding of weights and moments in bf16. */
  readonly seed: number;
  /** Groups of parameters of which one is trained at a time, and whose Adam moments share their room. */
  readonly turns?: readonly (readonly Parameter[])[] | undefined;
  /** f32 throughout where left out. */
  readonly precision?: OptimizerPrecision;
}

/** A parameter's updater, and the f32 copy that it acts on where there is one. */
interface Updated {
  readonly updater: ParameterUpdater;
  readonly master: Tensor | undefined;
  /** Number of the parameter, for the rounding key. */
  readonly index: number;
}

/**
 * One updater per trainable parameter, of the kind its rule says. For a compressed gradient Ĝ (r×m) the state is r×m too, and
 * only the update is expanded: W ← W − lr·α·P·U (arXiv 2410.15352), with the P of the forward pass.
 */
export class Optimizer implements Disposable {
  readonly #engine: Engine;
  readonly #seed: number;
  readonly #updated = new Map<Parameter, Updated>();
  readonly #room: StateRoom | undefined;

  /** Allocates the state of all trainable parameters at once, so that no later step is larger. */
  constructor(engine: Engine, parameters: readonly Parameter[], options: OptimizerOptions) {
    this.#engine = engine;
    this.#seed = options.seed;
    const { turns } = options;
    if (turns) {
      const elements = Math.max(...turns.map((group) => momentElements(group, options)));
      this.#room = new StateRoom(engine, elements, options.precision?.moments);
    }
    for (const group of turns ?? [parameters.filter(({ trainable }) => trainable)]) {
      this.#room?.rewind();
      for (const parameter of group) {
        const index = parameters.indexOf(parameter);
        const master = this.#masterOf(parameter, options);
        const updater = this.#updaterOf(parameter, master ?? parameter.tensor, index, options);
        this.#updated.set(parameter, { updater, master, index });
      }
    }
  }

  /** To be called once the weights have their first values: the master copies take them over. */
  adoptWeights(): void {
    for (const [{ tensor }, { master }] of this.#updated) {
      if (master) this.#engine.run('copy', { x: tensor, out: master });
    }
  }

  /** Updates the parameter from its gradient, then frees the gradient. */
  update(parameter: Parameter, context: StepContext): void {
    const { gradient } = parameter;
    const updated = this.#updated.get(parameter);
    if (!gradient || !updated) return;
    const { updater, master, index } = updated;
    const rounding = deriveKey(this.#seed, 'weightRounding', index, context.step);
    updater.update(gradient, { ...context, rounding });
    if (master) this.#engine.run('copy', { x: master, out: parameter.tensor });
    this.#engine.release(gradient);
    parameter.gradient = undefined;
  }

  /** Whether step t allocates more than others do, because some updater makes its subspace anew. */
  renews(step: number): boolean {
    return [...this.#updated.values()].some(({ updater }) => updater.renews?.(step));
  }

  /** Forgets the shared moments: another group's turn begins. */
  beginTurn(): void {
    this.#room?.clear();
  }

  /** The state of a checkpoint by name, in a fixed order. */
  state(): ReadonlyMap<string, Tensor> {
    const entries = [...this.#updated].flatMap(([{ name }, { updater, master }]) => {
      const own = this.#room ? [] : [...updater.state];
      const states = own.map(([ending, tensor]): [string, Tensor] => [`${name}.${ending}`, tensor]);
      return master ? [...states, [`${name}.master`, master] as [string, Tensor]] : states;
    });
    if (this.#room) entries.push(['block.moments', this.#room.tensor]);
    return new Map(entries);
  }

  [Symbol.dispose](): void {
    for (const { updater, master } of this.#updated.values()) {
      updater[Symbol.dispose]();
      if (master) this.#engine.release(master);
    }
    this.#updated.clear();
    this.#room?.[Symbol.dispose]();
  }

  /** Room for the f32 copy of a bf16 weight, where the plan wants one. */
  #masterOf({ name, tensor: { shape, dtype } }: Parameter, { precision }: OptimizerOptions): Tensor | undefined {
    if (!precision?.masterWeights || dtype !== 'bf16') return undefined;
    return this.#engine.allocate({ shape, role: 'optimizer', name: `${name}.master` });
  }

  #updaterOf(parameter: Parameter, weight: Tensor, index: number, options: OptimizerOptions): ParameterUpdater {
    const engine = this.#engine;
    const { settings, rules, projections, precision, seed } = options;
    const { name } = parameter;
    const { update, sketch, scale, moments } = rules(parameter);
    return createUpdater(update, {
      space: {
        ...{ engine, name, settings, weight, room: this.#room },
        ...(precision && { momentType: precision.moments }),
        ...(parameter.tensor.dtype === 'bf16' && { gradientType: 'bf16' }),
        shape: gradientShape(parameter, sketch),
        outputs: sketch ? 'columns' : 'rows',
      },
      expand: sketch ? sketchExpander(engine, weight, sketch, projections) : denseExpander(engine, weight),
      dense: sketch === undefined,
      updateScale: scale,
      ...(sketch && moments && { renewal: { sketch, projections, rules: moments } }),
      key: (epoch) => deriveKey(seed, 'subspace', index, epoch),
    });
  }
}

function gradientShape({ tensor }: Parameter, sketch: Sketch | undefined): readonly number[] {
  return sketch ? [sketch.rank, tensor.shape[0]] : tensor.shape;
}

/** Elements of a group's moments, which must be Adam's: other states cannot share a room. */
function momentElements(group: readonly Parameter[], { rules }: OptimizerOptions): number {
  return group.reduce((sum, parameter) => {
    const { update, sketch } = rules(parameter);
    if (update.name !== 'adamw') {
      throw new InputError(`plan: blocks that take turns keep moments of adamw, not of ${update.name}`);
    }
    return sum + 2 * sizeOf(gradientShape(parameter, sketch));
  }, 0);
}

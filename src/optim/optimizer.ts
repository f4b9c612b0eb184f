import { deriveKey, type Engine, InputError, sizeOf, type Tensor } from '../engine/index.js';
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

export interface OptimizerOptions {
  readonly settings: AdamWSettings;
  readonly rules: (parameter: Parameter) => UpdateRule;
  /** Where the projections of sketched parameters come from. */
  readonly projections: ProjectionSource;
  /** Seed of what updates make at random. */
  readonly seed: number;
  /** Groups of parameters of which one is trained at a time, and whose Adam moments share their room. */
  readonly turns?: readonly (readonly Parameter[])[] | undefined;
}

/**
 * One updater per trainable parameter, of the kind its rule says. For a compressed gradient Ĝ (r×m) the state is r×m too, and
 * only the update is expanded: W ← W − lr·α·P·U (arXiv 2410.15352), with the P of the forward pass.
 */
export class Optimizer implements Disposable {
  readonly #engine: Engine;
  readonly #updaters = new Map<Parameter, ParameterUpdater>();
  readonly #room: StateRoom | undefined;

  /** Allocates the state of all trainable parameters at once, so that no later step is larger. */
  constructor(engine: Engine, parameters: readonly Parameter[], options: OptimizerOptions) {
    this.#engine = engine;
    const { turns } = options;
    if (turns) this.#room = new StateRoom(engine, Math.max(...turns.map((group) => momentElements(group, options))));
    for (const group of turns ?? [parameters.filter(({ trainable }) => trainable)]) {
      this.#room?.rewind();
      for (const parameter of group)
        this.#updaters.set(parameter, this.#updaterOf(parameter, parameters.indexOf(parameter), options));
    }
  }

  /** Updates the parameter from its gradient, then frees the gradient. */
  update(parameter: Parameter, context: StepContext): void {
    const { gradient } = parameter;
    const updater = this.#updaters.get(parameter);
    if (!gradient || !updater) return;
    updater.update(gradient, context);
    this.#engine.release(gradient);
    parameter.gradient = undefined;
  }

  /** Whether step t allocates more than others do, because some updater makes its subspace anew. */
  renews(step: number): boolean {
    return [...this.#updaters.values()].some((updater) => updater.renews?.(step));
  }

  /** Forgets the shared moments: another group's turn begins. */
  beginTurn(): void {
    this.#room?.clear();
  }

  /** The state of a checkpoint by name, in a fixed order. */
  state(): ReadonlyMap<string, Tensor> {
    if (this.#room) return new Map([['block.moments', this.#room.tensor]]);
    const entries = [...this.#updaters].flatMap(([{ name }, { state }]) =>
      [...state].map(([ending, tensor]): [string, Tensor] => [`${name}.${ending}`, tensor]),
    );
    return new Map(entries);
  }

  [Symbol.dispose](): void {
    for (const updater of this.#updaters.values()) updater[Symbol.dispose]();
    this.#updaters.clear();
    this.#room?.[Symbol.dispose]();
  }

  #updaterOf(
    parameter: Parameter,
    index: number,
    { settings, rules, projections, seed }: OptimizerOptions,
  ): ParameterUpdater {
    const engine = this.#engine;
    const { name, tensor: weight } = parameter;
    const { update, sketch, scale, moments } = rules(parameter);
    return createUpdater(update, {
      space: {
        ...{ engine, name, settings, weight, room: this.#room },
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

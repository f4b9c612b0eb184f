import type { Engine, Tensor } from '../engine/index.js';
import type { ProjectionSource, Sketch } from '../keep/index.js';
import type { Parameter } from '../tape/index.js';
import { denseExpander, sketchExpander } from './expander.js';
import type { ParameterUpdater } from './parameter-updater.js';
import type { AdamWSettings, StepContext } from './settings.js';
import { createUpdater, type UpdateSpec } from './update-spec.js';

/** How one parameter is updated. */
export interface UpdateRule {
  readonly update: UpdateSpec;
  /** The sketch whose subspace the gradient and its moments live in; undefined for a dense gradient. */
  readonly sketch: Sketch | undefined;
  /** Factor on the update: α for compressed layers, α·factor for the output projection, else 1. */
  readonly scale: number;
}

export interface OptimizerOptions {
  readonly settings: AdamWSettings;
  readonly rules: (parameter: Parameter) => UpdateRule;
  /** Where the projections of sketched parameters come from. */
  readonly projections: ProjectionSource;
}

/**
 * One updater per trainable parameter, of the kind its rule says. For a compressed gradient Ĝ (r×m) the state is r×m too, and
 * only the update is expanded: W ← W − lr·α·P·U (arXiv 2410.15352), with the P of the forward pass.
 */
export class Optimizer implements Disposable {
  readonly #engine: Engine;
  readonly #updaters = new Map<Parameter, ParameterUpdater>();

  /** Allocates the state of all trainable parameters at once, so that no later step is larger. */
  constructor(engine: Engine, parameters: readonly Parameter[], options: OptimizerOptions) {
    this.#engine = engine;
    for (const parameter of parameters) {
      if (parameter.trainable) this.#updaters.set(parameter, makeUpdater(engine, parameter, options));
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

  /** The state of a checkpoint by name, in a fixed order. */
  state(): ReadonlyMap<string, Tensor> {
    const entries = [...this.#updaters].flatMap(([{ name }, { state }]) =>
      [...state].map(([ending, tensor]): [string, Tensor] => [`${name}.${ending}`, tensor]),
    );
    return new Map(entries);
  }

  [Symbol.dispose](): void {
    for (const updater of this.#updaters.values()) updater[Symbol.dispose]();
    this.#updaters.clear();
  }
}

function makeUpdater(
  engine: Engine,
  parameter: Parameter,
  { settings, rules, projections }: OptimizerOptions,
): ParameterUpdater {
  const { name, tensor: weight } = parameter;
  const { update, sketch, scale } = rules(parameter);
  return createUpdater(update, {
    space: {
      ...{ engine, name, settings, weight },
      shape: sketch ? [sketch.rank, weight.shape[0]] : weight.shape,
      outputs: sketch ? 'columns' : 'rows',
    },
    expand: sketch ? sketchExpander(engine, weight, sketch, projections) : denseExpander(engine, weight),
    dense: sketch === undefined,
    updateScale: scale,
  });
}

import type { Engine, Tensor } from '../engine/index.js';
import type { ProjectionSource, Sketch } from '../keep/index.js';
import type { Parameter } from '../tape/index.js';

export interface AdamWSettings {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /**
   * Where ε stands: `standard` U = M̂/(√V̂ + ε); `uncorrected` adds ε to √V before the bias correction, as the released
   * code of CompAct and GaLore does.
   */
  readonly epsilonForm: 'standard' | 'uncorrected';
  /** Decoupled decay λ: W ← (1 − lr·λ)·W, on tensors of two or more dimensions. */
  readonly weightDecay: number;
}

/** How one parameter is updated. */
export interface UpdateRule {
  /** The sketch whose subspace the gradient and its moments live in; undefined for a dense gradient. */
  readonly sketch: Sketch | undefined;
  /** Factor on the update: α for compressed layers, α·factor for the output projection, else 1. */
  readonly scale: number;
}

/** What the update of one step needs besides gradients. */
export interface StepContext {
  /** t, completed steps before this one. */
  readonly step: number;
  readonly learningRate: number;
  /** [1]; gradients are multiplied by it first. */
  readonly gradientScale?: Tensor;
}

/** Moments of one parameter, of the gradient's shape. */
interface Moments {
  readonly first: Tensor;
  readonly second: Tensor;
}

/**
 * AdamW (Loshchilov & Hutter, arXiv 1711.05101) on dense and on compressed gradients. For a compressed gradient Ĝ (r×m) the
 * moments are r×m too, and only the update is expanded: W ← W − lr·α·P·U (arXiv 2410.15352), with the P of the forward pass.
 */
export class AdamW implements Disposable {
  readonly #engine: Engine;
  readonly #settings: AdamWSettings;
  readonly #projections: ProjectionSource | undefined;
  readonly #rules: (parameter: Parameter) => UpdateRule;
  readonly #moments = new Map<Parameter, Moments>();

  /** Allocates the moments of all trainable parameters at once and zeroes them, so that no later step is larger. */
  constructor(
    engine: Engine,
    parameters: readonly Parameter[],
    settings: AdamWSettings,
    rules: (parameter: Parameter) => UpdateRule,
    projections?: ProjectionSource,
  ) {
    this.#engine = engine;
    this.#settings = settings;
    this.#rules = rules;
    this.#projections = projections;
    for (const parameter of parameters) {
      if (!parameter.trainable) continue;
      const { sketch } = rules(parameter);
      const shape = sketch ? [sketch.rank, parameter.tensor.shape[0]] : parameter.tensor.shape;
      const moment = (name: string) => {
        const tensor = engine.allocate({ shape, role: 'optimizer', name: `${parameter.name}.${name}` });
        engine.run('fill', { out: tensor, value: 0 });
        return tensor;
      };
      this.#moments.set(parameter, { first: moment('exp_avg'), second: moment('exp_avg_sq') });
    }
  }

  /** Updates the parameter from its gradient, then frees the gradient. */
  update(parameter: Parameter, context: StepContext): void {
    const { gradient } = parameter;
    const moments = this.#moments.get(parameter);
    if (!gradient || !moments) return;
    const { sketch, scale } = this.#rules(parameter);
    const { learningRate } = context;
    const decay = parameter.tensor.shape.length >= 2 ? this.#settings.weightDecay : 0;
    const adam = { ...this.#adam(context), firstMoment: moments.first, secondMoment: moments.second, gradient };
    if (sketch) {
      this.#engine.run('adamDirection', { ...adam, factor: -learningRate * scale });
      if (decay > 0) this.#engine.run('scale', { x: parameter.tensor, factor: 1 - learningRate * decay });
      this.#projections?.with(sketch, (p) =>
        this.#engine.run('gemm', {
          a: gradient,
          b: p,
          transA: true,
          transB: true,
          out: parameter.tensor,
          accumulate: true,
        }),
      );
    } else {
      this.#engine.run('adamW', {
        ...adam,
        weight: parameter.tensor,
        learningRate,
        updateScale: scale,
        weightDecay: decay,
      });
    }
    this.#engine.release(gradient);
    parameter.gradient = undefined;
  }

  /** The state of a checkpoint: moments by name, in a fixed order. */
  state(): ReadonlyMap<string, Tensor> {
    const entries = [...this.#moments].flatMap(([parameter, { first, second }]): [string, Tensor][] => [
      [`${parameter.name}.exp_avg`, first],
      [`${parameter.name}.exp_avg_sq`, second],
    ]);
    return new Map(entries);
  }

  [Symbol.dispose](): void {
    for (const { first, second } of this.#moments.values()) {
      this.#engine.release(first);
      this.#engine.release(second);
    }
    this.#moments.clear();
  }

  #adam({ step, gradientScale }: StepContext) {
    const { beta1, beta2, epsilon, epsilonForm } = this.#settings;
    const correction2 = 1 - beta2 ** (step + 1);
    return {
      beta1,
      beta2,
      epsilon: epsilonForm === 'standard' ? epsilon : epsilon / Math.sqrt(correction2),
      correction1: 1 - beta1 ** (step + 1),
      correction2,
      ...(gradientScale && { gradientScale }),
    };
  }
}

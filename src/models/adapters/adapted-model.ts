import { deriveKey, type Engine, InputError } from '../../engine/index.js';
import { type LossTarget, Parameter, type Tape } from '../../tape/index.js';
import type { FileFormat } from '../file-format.js';
import type { LossForm, MergeableNorm, SketchableLinear, TokenBatch, TrainableModel } from '../trainable-model.js';

/** Which linear layers get a low-rank addition, and of what size. */
export interface AdapterShape {
  /** r. */
  readonly rank: number;
  /** α; the addition is multiplied by α/r. */
  readonly alpha: number;
  /**
   * Layers by their names here (`q_proj`) or in files (`query`), or the last parts of them; `all-linear` for every linear
   * layer of the blocks.
   */
  readonly targetModules: readonly string[];
}

/** Linear layers of blocks, by the names that weights have in all models. */
const blockLinear = /^model\.layers\.\d+\..*_proj\.weight$/;

/**
 * A model whose linear layers have low-rank additions W + (α/r)·B·A (LoRA, arXiv 2106.09685). It is trained like any other;
 * which weights are frozen is the plan's business.
 */
export class AdaptedModel implements TrainableModel {
  readonly base: TrainableModel;
  readonly files: FileFormat;
  /** The base's, then A and B of each adapted layer. */
  readonly parameters: readonly Parameter[];
  /** A and B of each adapted layer, in turn. */
  readonly adapters: readonly Parameter[];
  readonly #engine: Engine;

  /**
   * @param base disposed of with this model
   * @throws InputError if no layer, or something other than a linear layer, is meant
   */
  constructor(engine: Engine, base: TrainableModel, { rank, alpha, targetModules }: AdapterShape) {
    this.#engine = engine;
    this.base = base;
    this.files = base.files;
    const adapters: Parameter[] = [];
    for (const weight of adaptedWeights(base, targetModules)) {
      const [out, input] = weight.tensor.shape;
      if (rank > Math.min(out, input)) {
        throw new InputError(
          `rank ${rank} is larger than the smaller side of ${weight.name}, ${Math.min(out, input)}`,
          'choose a smaller --rank',
        );
      }
      const module = weight.name.replace(/\.weight$/, '');
      // f32 whatever the base is stored in: they are small, and take all of the training.
      const parameter = (name: string, shape: readonly number[]) =>
        new Parameter(name, engine.allocate({ shape, role: 'weight', name }));
      const down = parameter(`${module}.lora_A.weight`, [rank, input]);
      const up = parameter(`${module}.lora_B.weight`, [out, rank]);
      weight.adapter = { down, up, scale: alpha / rank };
      adapters.push(down, up);
    }
    this.adapters = adapters;
    this.parameters = [...base.parameters, ...adapters];
  }

  get sketchableLinears(): readonly SketchableLinear[] {
    return this.base.sketchableLinears;
  }

  /** None: a merged γ would change the weights that the adapters are for. */
  get mergeableNorms(): readonly MergeableNorm[] {
    return [];
  }

  initialize(seed: number): void {
    this.base.initialize(seed);
    this.initializeAdapters(seed);
  }

  /** A with the variance of PEFT's, 1/(3·in), and B = 0: the model starts as its base. */
  initializeAdapters(seed: number): void {
    for (const [index, { name, tensor }] of this.adapters.entries()) {
      if (name.endsWith('.lora_B.weight')) this.#engine.run('fill', { out: tensor, value: 0 });
      else {
        const key = deriveKey(seed, 'init', this.base.parameters.length + index, 0);
        const deviation = 1 / Math.sqrt(3 * tensor.shape[1]);
        this.#engine.run('random', { out: tensor, family: 'gaussian', key, deviation });
      }
    }
  }

  loss(tape: Tape, tokens: TokenBatch, target: LossTarget, form: LossForm): void {
    this.base.loss(tape, tokens, target, form);
  }

  [Symbol.dispose](): void {
    for (const { tensor } of this.adapters) this.#engine.release(tensor);
    this.base[Symbol.dispose]();
  }
}

/** @throws InputError where a target is no linear layer of the blocks, or does not lie in files by itself */
function adaptedWeights({ parameters, files }: TrainableModel, targets: readonly string[]): readonly Parameter[] {
  const linear = parameters.filter(({ name }) => blockLinear.test(name));
  const namesOf = ({ name }: Parameter) => [name, fileNameOf(files, name)];
  const isTarget = (weight: Parameter, target: string) =>
    target === 'all-linear' || namesOf(weight).some((name) => `.${name}`.endsWith(`.${target}.weight`));
  const idle = targets.find((target) => !linear.some((weight) => isTarget(weight, target)));
  if (idle !== undefined) {
    const modules = new Set(linear.map(({ name }) => name.split('.').at(-2)));
    throw new InputError(
      `no linear layer of the blocks is named "${idle}"`,
      `--target-modules may name ${[...modules].join(', ')}, or all-linear`,
    );
  }
  const adapted = linear.filter((weight) => targets.some((target) => isTarget(weight, target)));
  const joined = adapted.find(({ name }) => fileNameOf(files, name) === undefined);
  if (joined) {
    throw new InputError(
      `${joined.name} lies in one tensor with others in files, and adapters of it could not be written`,
      'leave it out of --target-modules',
    );
  }
  return adapted;
}

/** Name of the tensor in files that holds this weight and nothing else. */
export function fileNameOf({ tensors }: FileFormat, weight: string): string | undefined {
  return tensors.find(({ parts }) => parts.length === 1 && parts[0] === weight)?.name;
}

/** The model that a plan's adapters are added to; the model itself where there are none. */
export function baseOf(model: TrainableModel): TrainableModel {
  return model instanceof AdaptedModel ? model.base : model;
}

import { type Engine, InputError, type Spill, type StaticLayout, type Tensor } from '../engine/index.js';
import {
  Offloader,
  Projections,
  Sketcher,
  SlotKeeper,
  SlotKeys,
  type SlotRecord,
  Subtokens,
  TokenSketcher,
} from '../keep/index.js';
import { baseOf, DropoutKeys, Encoder, type TrainableModel } from '../models/index.js';
import { type AdamWSettings, clipFactor, Optimizer, type StepContext } from '../optim/index.js';
import { type Parameter, Tape } from '../tape/index.js';
import { BlockSchedule } from './block-schedule.js';
import {
  countPredicted,
  evaluateBatch,
  type HostBatch,
  scoreBatch,
  takeScalar,
  withTokens,
  zeroLoss,
} from './host-batch.js';
import type { MemoryPlan } from './memory-plan.js';
import { mergeNorms } from './merge-norms.js';
import { type ResolvedPlan, resolvePlan } from './resolve.js';

export interface ProgramOptions {
  readonly optimizer: AdamWSettings;
  /** Largest global norm of the gradients; undefined: no clipping. */
  readonly clip?: number | undefined;
  /** Seed of projections, dropout and stochastic rounding. */
  readonly seed: number;
  readonly onSlot?: (record: SlotRecord) => void;
  /** Told of each parameter whose gradient is complete or looked at, or which is updated. */
  readonly onParameter?: (name: string) => void;
  /** Told of each micro-batch, by its number in the step, when its backward is over. */
  readonly onMicroBatch?: (index: number) => void;
  /** Where the plan's offloaded tensors go. */
  readonly offload?: OffloadOptions | undefined;
}

/** A directory on a slower tier. */
export interface OffloadOptions {
  readonly directory: string;
  /** Refuse a directory that takes fewer bytes per second than this. */
  readonly bandwidth?: number | undefined;
  /** Most bytes that will be there at a time, from a prediction. */
  readonly bytes?: number | undefined;
}

/** A way in which steps go. */
export interface StepVariant {
  /** t of a step that goes so. */
  readonly step: number;
  /** The fraction of all steps that do. */
  readonly share: number;
}

/** Mean loss over the predictions of a step (natural log). */
export interface StepResult {
  readonly loss: number;
}

/**
 * What one optimizer step does under a plan: forward with slots kept in their forms, backward, update. The very same code
 * runs on the dry engine to predict and on a real engine to train.
 */
export class TrainingProgram implements Disposable {
  readonly optimizer: Optimizer;
  readonly #engine: Engine;
  readonly #model: TrainableModel;
  readonly #plan: MemoryPlan;
  readonly #resolved: ResolvedPlan;
  readonly #projections: Projections;
  readonly #subtokens: Subtokens;
  readonly #spill: Spill | undefined;
  readonly #keeper: SlotKeeper;
  readonly #clip: number | undefined;
  readonly #turns: BlockSchedule | undefined;
  readonly #seed: number;
  readonly #onParameter: ((name: string) => void) | undefined;
  readonly #onMicroBatch: ((index: number) => void) | undefined;

  constructor(engine: Engine, model: TrainableModel, plan: MemoryPlan, options: ProgramOptions) {
    if (plan.update === 'fused' && options.clip !== undefined) {
      throw new InputError(
        'clipping by global norm needs all gradients at once, which a fused update never has',
        'drop --clip or what fuses the update (fused-update, lomo, adalomo)',
      );
    }
    this.#engine = engine;
    this.#model = model;
    this.#plan = plan;
    this.#clip = options.clip;
    this.#seed = options.seed;
    this.#onParameter = options.onParameter;
    this.#onMicroBatch = options.onMicroBatch;
    this.#resolved = resolvePlan(plan, model);
    if (plan.blockCoordinate) {
      this.#turns = new BlockSchedule(model.parameters, plan.blockCoordinate, options.seed);
    }
    const gap = plan.sketches?.updateGap ?? Number.POSITIVE_INFINITY;
    const { precision } = plan;
    this.#projections = new Projections(engine, options.seed, gap, this.#resolved.sketches, precision.dtype);
    const bytes = options.offload?.bytes ?? Number.MAX_SAFE_INTEGER;
    const offloads = plan.slots.some(({ form }) => form === 'offload' || form === 'offload-part');
    this.#spill = offloads ? engine.openSpill({ ...options.offload, bytes }) : undefined;
    this.#subtokens = new Subtokens(engine, this.#resolved.subtokens);
    const keys = new SlotKeys(options.seed);
    const means = {
      sketcher: new Sketcher(engine, this.#projections),
      subtokens: this.#subtokens,
      keys,
      tokenSketcher: new TokenSketcher(engine, keys),
      offloader: this.#spill && new Offloader(engine, this.#spill),
    };
    this.#keeper = new SlotKeeper(this.#resolved, means, options.onSlot);
    this.optimizer = new Optimizer(engine, model.parameters, {
      settings: options.optimizer,
      rules: (parameter) => this.#resolved.updateRule(parameter),
      projections: this.#projections,
      turns: this.#turns?.blocks,
      precision,
      seed: options.seed,
    });
  }

  /**
   * For each way in which steps differ in what they train and allocate, a step t that goes that way: the first of each block
   * that takes turns, or one as most are and one that makes subspaces anew.
   */
  get variants(): readonly StepVariant[] {
    if (this.#turns) {
      const { firstPass } = this.#turns;
      return firstPass.map((step) => ({ step, share: 1 / firstPass.length }));
    }
    const { sketches, optimizer } = this.#plan;
    const gap = sketches?.updateGap ?? 0;
    // Bases are made anew from the first step on; moments follow a projection when it first changes.
    const renewing = [0, gap].find((step) => this.#renews(step));
    const usual = [0, 1].find((step) => !this.#renews(step));
    if (renewing === undefined) return [{ step: usual ?? 0, share: 1 }];
    const gaps = optimizer.flatMap(({ update }) => ('updateGap' in update ? [update.updateGap] : []));
    // A gap of none: anew in the first step only.
    const often = Math.min(...[gap, ...gaps].filter((steps) => steps > 0));
    const share = usual === undefined ? 1 : 1 / often;
    return [...(usual === undefined ? [] : [{ step: usual, share: 1 - share }]), { step: renewing, share }];
  }

  /** The variant that step t goes like. */
  variantAt(step: number): number {
    if (this.#turns) return this.#turns.stepOf(this.#turns.at(step).block);
    const variants = this.variants.map((variant) => variant.step);
    return variants.find((variant) => this.#renews(variant) === this.#renews(step)) ?? variants[0];
  }

  /**
   * One optimizer step over the micro-batches, whose gradients add up.
   *
   * @param context `step` is t, the completed steps before this one
   * @param layout planned addresses of the step's transient blocks
   */
  async step(microBatches: readonly HostBatch[], context: StepContext, layout?: StaticLayout): Promise<StepResult> {
    const fused = this.#plan.update === 'fused';
    if (fused && microBatches.length > 1) {
      throw new InputError(
        'a fused update frees each gradient at once and cannot accumulate micro-batches',
        'drop --accumulate or what fuses the update (fused-update, lomo, adalomo)',
      );
    }
    await this.moveTo(context.step);
    return this.#engine.inRegion(layout, async () => {
      const scale = 1 / microBatches.reduce((tokens, microBatch) => tokens + countPredicted(microBatch), 0);
      const loss = zeroLoss(this.#engine);
      const turn = this.#turnContext(context);
      const onGradient = (parameter: Parameter) => {
        this.#onParameter?.(parameter.name);
        if (fused) this.optimizer.update(parameter, turn);
      };
      for (const [index, microBatch] of microBatches.entries()) {
        this.#keeper.moveTo({ step: context.step, microBatch: index });
        const dropout = new DropoutKeys(this.#seed, context.step * microBatches.length + index);
        withTokens(
          this.#engine,
          microBatch,
          (tokens, targets) => {
            const tape = new Tape(this.#engine, this.#keeper, onGradient);
            this.#model.loss(tape, tokens, { targets, loss, scale }, this.#plan.loss);
            tape.backward();
          },
          dropout,
        );
        this.#onMicroBatch?.(index);
      }
      if (!fused) this.#updateAll(turn);
      return { loss: await takeScalar(this.#engine, loss) };
    });
  }

  /** What a checkpoint has to hold besides the weights, by name: optimizer state, and bases that come from data. */
  state(): ReadonlyMap<string, Tensor> {
    return new Map([...this.optimizer.state(), ...this.#projections.state(), ...this.#subtokens.state]);
  }

  /** Makes the projections of step t (completed steps before it), in the step's region, and gives the turn to its block. */
  moveTo(step: number): Promise<void> {
    this.#takeTurn(step);
    return this.#engine.inRegion(undefined, async () => this.#projections.setStep(step));
  }

  /** Summed loss of the predicted tokens, in the step's region, without keeping, sketching or changing anything. */
  evaluate(batch: HostBatch): Promise<{ readonly loss: number; readonly tokens: number }> {
    return this.#engine.inRegion(undefined, () => evaluateBatch(this.#engine, this.#model, batch));
  }

  /** Bytes that were needed on the slower tier so far. */
  get offloadBytes(): number {
    return this.#spill?.highWater ?? 0;
  }

  /** Brings new weights into the form that the plan trains; the model's function does not change. */
  adoptWeights(): void {
    mergeNorms(this.#engine, this.#model.parameters, this.#resolved.mergedNorms);
  }

  /** What the model says of each sequence, in the step's region, without changing anything. */
  scores(batch: HostBatch): Promise<Float32Array> {
    const model = baseOf(this.#model);
    if (!(model instanceof Encoder)) throw new InputError('the model gives no scores of sequences');
    return this.#engine.inRegion(undefined, () => scoreBatch(this.#engine, model, batch));
  }

  [Symbol.dispose](): void {
    this.#spill?.[Symbol.dispose]();
    this.#subtokens[Symbol.dispose]();
    this.optimizer[Symbol.dispose]();
    this.#projections[Symbol.dispose]();
  }

  /** Only the block whose turn it is can be trained: the others cost neither gradients nor saved inputs. */
  #takeTurn(step: number): void {
    if (!this.#turns) return;
    const { block, stepOfTurn } = this.#turns.at(step);
    for (const [index, members] of this.#turns.blocks.entries()) {
      for (const parameter of members) parameter.trainable = index === block;
    }
    if (stepOfTurn === 0) this.optimizer.beginTurn();
  }

  /** The step as the optimizer counts it: from the beginning of a turn, where moments start anew. */
  #turnContext(context: StepContext): StepContext {
    return this.#turns ? { ...context, step: this.#turns.at(context.step).stepOfTurn } : context;
  }

  /** Whether step t makes subspaces anew and so allocates more than others do. */
  #renews(step: number): boolean {
    return this.optimizer.renews(step) || this.#projections.renews(step);
  }

  #updateAll(context: StepContext): void {
    const { parameters } = this.#model;
    const visited = () => this.#visit(parameters);
    const gradientScale = this.#clip === undefined ? undefined : clipFactor(this.#engine, visited(), this.#clip);
    for (const parameter of visited()) {
      this.optimizer.update(parameter, { ...context, ...(gradientScale && { gradientScale }) });
    }
    if (gradientScale) this.#engine.release(gradientScale);
  }

  *#visit(parameters: readonly Parameter[]): Generator<Parameter> {
    for (const parameter of parameters) {
      this.#onParameter?.(parameter.name);
      yield parameter;
    }
  }
}

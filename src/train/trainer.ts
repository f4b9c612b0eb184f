import {
  CompactError,
  type ComputingEngine,
  type Engine,
  InputError,
  openEngine,
  type Tensor,
} from '../engine/index.js';
import { AdaptedModel, baseOf, loadModelWeights, longestSequence, type TrainableModel } from '../models/index.js';
import { learningRateAt } from '../optim/index.js';
import {
  countPredicted,
  createPlannedModel,
  type HostBatch,
  type OffloadOptions,
  type Prediction,
  type PredictionRequest,
  predict,
  TrainingProgram,
} from '../plan/index.js';
import { type Checkpointed, findCheckpoint, loadCheckpoint, saveCheckpoint } from './checkpoint.js';
import { lockDirectory } from './directory-lock.js';
import { type Evaluation, meanLoss } from './evaluate.js';
import { availableBytes } from './resident-memory.js';
import type { TrainingSettings } from './settings.js';
import { StepLayouts } from './step-layouts.js';
import type { StepReport } from './step-report.js';
import { weightStore } from './weight-store.js';

/** Training batches: a pure function from an index, so that a position in the data is one number. */
export interface TrainingData {
  /** Names the data, the tokenizer and the split; a run can only be resumed on the same. */
  readonly fingerprint: string;
  /** Micro-batch number `index` of the endless stream. */
  batch(index: number): HostBatch;
  /** A batch of the largest shape there is; left out where all have the settings' shape and the model's usual one. */
  readonly largest?: HostBatch;
}

export interface TrainerOptions {
  readonly settings: TrainingSettings;
  readonly data: TrainingData;
  /** Batches of held-out tokens; called anew for each evaluation. */
  readonly validation?: () => Iterable<HostBatch>;
  readonly engine?: ComputingEngine;
  /** Default: all cores. Results do not depend on it. */
  readonly threads?: number;
  /** Evaluate after every so many steps, and after the last; default: after the last only. */
  readonly evaluateEvery?: number;
  /** Where checkpoints go; none are written without it. One process at a time trains there. */
  readonly directory?: string;
  /** Write a checkpoint after every so many steps, and after the last; default: after the last only. */
  readonly saveEvery?: number;
  /** Start from the weights of this directory instead of random ones. */
  readonly init?: string;
  /** Continue from the checkpoint in `directory`, if there is one. */
  readonly resume?: boolean;
  /** Most bytes the plan may take. */
  readonly memoryBudget?: number;
  /** Where the plan's offloaded tensors go: an unnamed file that vanishes with the run. */
  readonly offload?: Omit<OffloadOptions, 'bytes'> | undefined;
}

/** The loss is not a number any more; nothing is saved after that. */
export class NonFiniteLossError extends CompactError {
  constructor(step: number, loss: number) {
    super(`the loss of step ${step} is ${loss}`, {
      code: 'NON_FINITE_LOSS',
      exitCode: 1,
      hint: 'lower --lr, lengthen --warmup or set --clip 1; the last checkpoint is intact',
    });
  }
}

/**
 * Trains a model under a memory plan. An async iterator of step reports: the command line, the report and a script consume
 * the same stream.
 *
 * @example
 * await using trainer = await Trainer.open({ settings, data });
 * for await (const { step, loss } of trainer.run()) console.log(step, loss);
 */
export class Trainer implements AsyncDisposable {
  readonly prediction: Prediction;
  readonly engine: Engine;
  readonly model: TrainableModel;
  readonly #options: TrainerOptions;
  readonly #program: TrainingProgram;
  readonly #layouts: StepLayouts;
  readonly #lock: AsyncDisposable | undefined;
  #step = 0;
  #tokens = 0;

  private constructor(
    options: TrainerOptions,
    prediction: Prediction,
    engine: Engine,
    lock: AsyncDisposable | undefined,
  ) {
    const { settings } = options;
    this.#lock = lock;
    this.#options = options;
    this.prediction = prediction;
    this.#layouts = new StepLayouts(predictionRequest(options, engine.threads), prediction);
    this.engine = engine;
    this.model = createPlannedModel(engine, settings.config, settings.sequenceLength, settings.plan);
    this.#program = new TrainingProgram(engine, this.model, settings.plan, {
      ...programOptions(settings),
      offload: options.offload && { ...options.offload, bytes: prediction.offloadBytes },
    });
    engine.arena?.setRegion(prediction.regionBytes);
  }

  /**
   * Predicts the run's memory, refuses what does not fit, allocates all of it at once, and fills the weights.
   *
   * @throws InputError if the plan needs more memory than there is, the sequence is longer than the model allows, or another
   * process trains in the directory
   * @throws CheckpointError if weights or a checkpoint cannot be read
   */
  static async open(options: TrainerOptions): Promise<Trainer> {
    const { settings } = options;
    checkSettings(settings);
    const engine = await openEngine(options.engine ?? 'native', options);
    let lock: AsyncDisposable | undefined;
    try {
      const prediction = await predict(predictionRequest(options, engine.threads));
      refuseTooLarge(prediction, options.memoryBudget);
      if (options.directory !== undefined) lock = await lockDirectory(options.directory);
      const trainer = new Trainer(options, prediction, engine, lock);
      await trainer.#start();
      return trainer;
    } catch (error) {
      await lock?.[Symbol.asyncDispose]();
      engine.dispose();
      throw error;
    }
  }

  /** Tensors that a resumed run needs besides the weights, by their names in a checkpoint. */
  get state(): ReadonlyMap<string, Tensor> {
    return this.#program.state();
  }

  /** Optimizer steps of the whole run. */
  get steps(): number {
    return this.#options.settings.schedule.steps;
  }

  /** Completed optimizer steps. */
  get step(): number {
    return this.#step;
  }

  /**
   * Trains up to the last step of the schedule, yielding after each.
   *
   * @param signal stops after the step at hand, with a checkpoint written if there is a directory
   */
  async *run(signal?: AbortSignal): AsyncGenerator<StepReport, void, void> {
    const { settings, evaluateEvery = 0, saveEvery = 0, directory } = this.#options;
    const { steps } = settings.schedule;
    const due = (every: number) => this.#step === steps || (every > 0 && this.#step % every === 0);
    while (this.#step < steps) {
      const report = await this.advance();
      const validationLoss = due(evaluateEvery) ? await this.#validationLoss() : undefined;
      const saved = directory !== undefined && (due(saveEvery) || signal?.aborted === true);
      if (saved) await this.save(directory);
      yield { ...report, ...(validationLoss !== undefined && { validationLoss }), saved };
      if (!signal?.aborted) continue;
      // The signal may have come while the consumer had the report.
      if (directory !== undefined && !saved) await this.save(directory);
      return;
    }
  }

  /** Mean loss on batches of held-out tokens, without changing anything. */
  evaluate(batches: Iterable<HostBatch>): Promise<Evaluation> {
    return meanLoss(batches, (batch) => this.#program.evaluate(batch));
  }

  /** What the model says of each sequence of a batch, [B, labels], without changing anything. */
  scores(batch: HostBatch): Promise<Float32Array> {
    return this.#program.scores(batch);
  }

  /** Writes the weights alone, or what was trained beside frozen ones. */
  saveWeights(directory: string): Promise<void> {
    return weightStore(this.engine, this.model).save(directory);
  }

  /** Writes weights, moments and position as one checkpoint. */
  save(directory: string): Promise<void> {
    const { settings, data } = this.#options;
    return saveCheckpoint(directory, this.#checkpointed, {
      step: this.#step,
      tokens: this.#tokens,
      settings,
      data: data.fingerprint,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lock?.[Symbol.asyncDispose]();
    this.#program[Symbol.dispose]();
    this.model[Symbol.dispose]();
    this.engine.dispose();
  }

  get #checkpointed(): Checkpointed {
    const { engine, model } = this;
    return { engine, weights: weightStore(engine, model), optimizerState: this.state };
  }

  async #start(): Promise<void> {
    const { settings, data, directory, resume } = this.#options;
    const resumed = resume && directory !== undefined && (await findCheckpoint(directory));
    // A checkpoint of adapters holds those alone: what they are added to is made first.
    if (!resumed || this.model instanceof AdaptedModel) await this.#fillWeights();
    if (resumed) {
      const expected = { settings, data: data.fingerprint };
      const position = await loadCheckpoint(directory, this.#checkpointed, expected);
      this.#step = position.step;
      this.#tokens = position.tokens;
    }
    this.#program.adoptWeights();
  }

  async #fillWeights(): Promise<void> {
    const { init, settings } = this.#options;
    const { model } = this;
    // What the weights to start from do not have, a new head or an adapter, stays random.
    model.initialize(settings.seed);
    if (init !== undefined) await loadModelWeights(this.engine, baseOf(model), init, true);
    this.#program.optimizer.adoptWeights();
  }

  /**
   * One optimizer step, without evaluating or saving: for loops that see to that themselves.
   *
   * @throws InputError if nothing in its batches is to be predicted
   * @throws NonFiniteLossError after that the weights are of no use
   */
  async advance(): Promise<StepReport> {
    const { settings, data } = this.#options;
    const { accumulate, schedule } = settings;
    const learningRate = learningRateAt(schedule, this.#step);
    const started = performance.now();
    const microBatches = Array.from({ length: accumulate }, (_, index) => data.batch(this.#step * accumulate + index));
    refuseNothingToLearn(microBatches, this.#step + 1);
    const context = { step: this.#step, learningRate };
    const layout = await this.#layouts.of(microBatches, this.#step, this.#program.variantAt(this.#step));
    const { loss } = await this.#program.step(microBatches, context, layout);
    if (!Number.isFinite(loss)) throw new NonFiniteLossError(this.#step + 1, loss);
    this.#step += 1;
    this.#tokens += microBatches.reduce((sum, { inputs }) => sum + inputs.length, 0);
    // Ops block the event loop; between steps timers, signals and progress get their turn.
    await new Promise((resolve) => setImmediate(resolve));
    return {
      step: this.#step,
      steps: schedule.steps,
      loss,
      learningRate,
      tokens: this.#tokens,
      seconds: (performance.now() - started) / 1000,
      memory: this.engine.ledger.read(),
      saved: false,
    };
  }

  async #validationLoss(): Promise<number | undefined> {
    const batches = this.#options.validation?.();
    return batches && (await this.evaluate(batches)).loss;
  }
}

/** What the run is predicted from. */
function predictionRequest({ settings, data }: TrainerOptions, threads: number): PredictionRequest {
  return { ...settings, ...programOptions(settings), threads, largest: data.largest };
}

function programOptions({ optimizer, clip, seed }: TrainingSettings) {
  return { optimizer, seed, clip: clip ?? undefined };
}

/** A mean over no label is no number. */
function refuseNothingToLearn(microBatches: readonly HostBatch[], step: number): void {
  if (microBatches.some((microBatch) => countPredicted(microBatch) > 0)) return;
  throw new InputError(
    `step ${step} has nothing to learn from: no token or label of its batches is to be predicted`,
    'leave out what is masked throughout, or made of special tokens alone',
  );
}

function checkSettings({ sequenceLength, config }: TrainingSettings): void {
  if (sequenceLength > longestSequence(config)) {
    throw new InputError(
      `sequences of ${sequenceLength} tokens are longer than the model's ${longestSequence(config)}`,
      'lower --seq, or raise max_position_embeddings in a config.json',
    );
  }
}

function refuseTooLarge({ arenaBytes, memory }: Prediction, budget: number | undefined): void {
  const hint = 'lower --batch or --seq, or choose a method that keeps less (compact plan --compare shows them)';
  const refuse = (needed: number, given: number, sentence: (size: string) => string) => {
    if (needed <= given) return;
    const [unit, size] = needed < 2 ** 25 ? ['KiB', 2 ** 10] : ['MiB', 2 ** 20];
    const said = sentence(`${Math.floor(given / size)} ${unit}`);
    throw new InputError(`the plan needs ${Math.ceil(needed / size)} ${unit}, ${said}`, hint);
  };
  if (budget !== undefined) refuse(memory.peak, budget, (size) => `the budget is ${size}`);
  refuse(arenaBytes, availableBytes(), (size) => `only ${size} are free`);
}

import { createDryEngine, type Engine, type Ledger, type LedgerEvent, type OpCall } from '../engine/index.js';
import type { SlotRecord } from '../keep/index.js';
import type { TrainableModel } from '../models/index.js';
import type { PredictionRequest } from './dry-run.js';
import { type HostBatch, usualBatch } from './host-batch.js';
import { createPlannedModel } from './planned-model.js';
import { type ProgramOptions, type StepVariant, TrainingProgram } from './training-program.js';

/** Who wants to know what. */
export interface DryWatchers extends Pick<ProgramOptions, 'onSlot' | 'onParameter' | 'onMicroBatch'> {
  readonly onEvent?: (event: LedgerEvent) => void;
}

/** A planned model on the engine that computes nothing: the very code that trains. */
export class DryProgram implements Disposable {
  /** Micro-batches of a step: two at most, since from the second on, when all gradients are there, each is like the one before. */
  readonly microBatches: number;
  readonly #updateGap: number;
  readonly #largest: HostBatch;
  readonly #engine: Engine;
  readonly #model: TrainableModel;
  readonly #program: TrainingProgram;
  readonly #slots = new Map<string, SlotRecord>();

  constructor(request: PredictionRequest, { onEvent, onSlot, onParameter, onMicroBatch }: DryWatchers = {}) {
    const { config, plan, batch, sequenceLength, threads } = request;
    this.microBatches = Math.min(request.accumulate, 2);
    this.#updateGap = plan.sketches?.updateGap ?? 0;
    this.#largest = request.largest ?? usualBatch(config, batch, sequenceLength);
    this.#engine = createDryEngine({ threads });
    this.#engine.ledger.record(onEvent);
    this.#model = createPlannedModel(this.#engine, config, sequenceLength, plan);
    this.#program = new TrainingProgram(this.#engine, this.#model, plan, {
      ...request,
      onSlot: (record) => {
        this.#slots.set(record.slot, record);
        onSlot?.(record);
      },
      ...(onParameter && { onParameter }),
      ...(onMicroBatch && { onMicroBatch }),
    });
  }

  [Symbol.dispose](): void {
    this.#program[Symbol.dispose]();
    this.#model[Symbol.dispose]();
    this.#engine[Symbol.dispose]();
  }

  get ledger(): Ledger {
    return this.#engine.ledger;
  }

  /** See `TrainingProgram`. */
  get variants(): readonly StepVariant[] {
    return this.#program.variants;
  }

  /** Most bytes on the slower tier at a time. */
  get offloadBytes(): number {
    return this.#program.offloadBytes;
  }

  /** How each slot is kept, in the order of the forward pass. */
  get slots(): readonly SlotRecord[] {
    return [...this.#slots.values()];
  }

  observe(observer: ((call: OpCall) => void) | undefined): void {
    this.#engine.observe(observer);
  }

  moveTo(step: number): Promise<void> {
    return this.#program.moveTo(step);
  }

  async step(step: number): Promise<void> {
    const microBatches = Array.from({ length: this.microBatches }, () => this.#largest);
    await this.#program.step(microBatches, { step, learningRate: 0 });
  }

  resample(): Promise<void> {
    // Twice the gap: one of the steps may have made the projections of the first already.
    return this.#program.moveTo(2 * this.#updateGap);
  }

  async evaluate(): Promise<void> {
    await this.#program.evaluate(this.#largest);
  }
}

import { createDryEngine, type LedgerEvent, type LedgerReading } from '../engine/index.js';
import type { SlotRecord } from '../keep/index.js';
import type { ModelConfig } from '../models/index.js';
import { addWork, subtractWork, type Work, WorkLog } from './cost/work.js';
import { type HostBatch, usualBatch } from './host-batch.js';
import { type PackedLayout, packLayout, type Repetition } from './layout.js';
import type { MemoryPlan } from './memory-plan.js';
import { createPlannedModel } from './planned-model.js';
import { type ProgramOptions, TrainingProgram } from './training-program.js';

/** What is to be predicted. */
export interface PredictionRequest extends Omit<ProgramOptions, 'onSlot' | 'onMicroBatch'> {
  readonly config: ModelConfig;
  readonly plan: MemoryPlan;
  /** Sequences per micro-batch. */
  readonly batch: number;
  readonly sequenceLength: number;
  /** Micro-batches per optimizer step. */
  readonly accumulate: number;
  /** A batch of the largest shape that will come, whatever its contents; default: what the model is usually trained on. */
  readonly largest?: HostBatch | undefined;
  /** Threads of the engine that will run it: kernels' scratch depends on it. */
  readonly threads: number;
}

/** What the dry engine saw, phase by phase. */
export interface DryRun {
  readonly memory: LedgerReading;
  /** Blocks that live as long as the run: weights, moments, tables. */
  readonly persistentBytes: number;
  readonly events: {
    readonly persistent: readonly LedgerEvent[];
    /** A step as most are, of two micro-batches at most; of blocks that take turns the first one's. */
    readonly step: readonly LedgerEvent[];
    /** Steps of the other blocks that take turns, or one that makes subspaces anew. */
    readonly otherSteps: readonly (readonly LedgerEvent[])[];
    readonly resampling: readonly LedgerEvent[];
    readonly evaluation: readonly LedgerEvent[];
  };
  /** Where a step of more micro-batches goes on like the second one. */
  readonly repetition: Repetition;
  /** The program's variant that `step` goes like. */
  readonly variant: number;
  /** The ops of that step, of all its micro-batches. */
  readonly work: Work;
  /** How each slot is kept, in the order of the forward pass. */
  readonly slots: readonly SlotRecord[];
  /** Most bytes on the slower tier at a time. */
  readonly offloadBytes: number;
  /** Bytes that go to the slower tier in a step; as many come back. */
  readonly movedBytes: number;
}

/**
 * One step of each variant, one resampling and one evaluation on the engine that computes
 * nothing: the very code that trains. Takes milliseconds, whatever the size of the model and the number of micro-batches: from
 * the second on, when all gradients are there, each is like the one before.
 */
export async function dryRun(request: PredictionRequest): Promise<DryRun> {
  const { config, plan, batch, sequenceLength, accumulate } = request;
  const largest = request.largest ?? usualBatch(config, batch, sequenceLength);
  const slots = new Map<string, SlotRecord>();
  using engine = createDryEngine({ threads: request.threads });
  const recorded = () => {
    const events: LedgerEvent[] = [];
    engine.ledger.record((event) => events.push(event));
    return events;
  };
  const log = new WorkLog();
  const seen: { readonly events: number; readonly work: Work }[] = [];
  let step: readonly LedgerEvent[] = [];
  const persistent = recorded();
  using model = createPlannedModel(engine, config, sequenceLength, plan);
  using program = new TrainingProgram(engine, model, plan, {
    ...request,
    onSlot: (record) => slots.set(record.slot, record),
    onMicroBatch: () => seen.push({ events: step.length, work: log.work }),
  });
  const [first, ...others] = program.variants;
  step = recorded();
  engine.observe((call) => log.add(call));
  const microBatches = Array.from({ length: Math.min(accumulate, 2) }, () => largest);
  await program.step(microBatches, { step: first, learningRate: 0 });
  engine.observe(undefined);
  const [from, to = from] = seen;
  const times = accumulate - microBatches.length;
  const otherSteps: LedgerEvent[][] = [];
  for (const other of others) {
    engine.ledger.record(undefined);
    await program.moveTo(other);
    otherSteps.push(recorded());
    await program.step(microBatches, { step: other, learningRate: 0 });
  }
  const resampling = recorded();
  // Twice the gap: one of the steps may have made the projections of the first already.
  await program.moveTo(2 * (plan.sketches?.updateGap ?? 0));
  const evaluation = recorded();
  await program.evaluate(largest);
  engine.ledger.record(undefined);
  return {
    memory: engine.ledger.read(),
    persistentBytes: engine.ledger.live,
    events: { persistent, step, otherSteps, resampling, evaluation },
    repetition: { from: from.events, to: to.events, times },
    variant: first,
    work: addWork(log.work, subtractWork(to.work, from.work), times),
    slots: [...slots.values()],
    offloadBytes: program.offloadBytes,
    // At the end of forward all of it is there.
    movedBytes: accumulate * program.offloadBytes,
  };
}

/**
 * Addresses of everything transient in a step other than the one predicted: over micro-batches of other shapes than the largest,
 * or of another block's turn.
 *
 * @param step t, completed steps before it
 */
export async function planStep(
  request: PredictionRequest,
  microBatches: readonly HostBatch[],
  step: number,
): Promise<PackedLayout> {
  using engine = createDryEngine({ threads: request.threads });
  using model = createPlannedModel(engine, request.config, request.sequenceLength, request.plan);
  using program = new TrainingProgram(engine, model, request.plan, request);
  await program.moveTo(step);
  const events: LedgerEvent[] = [];
  engine.ledger.record((event) => events.push(event));
  await program.step(microBatches, { step, learningRate: 0 });
  engine.ledger.record(undefined);
  return packLayout(events);
}

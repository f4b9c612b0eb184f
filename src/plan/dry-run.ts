import { createDryEngine, type LedgerEvent, type LedgerReading } from '../engine/index.js';
import type { SlotRecord } from '../keep/index.js';
import type { ModelConfig } from '../models/index.js';
import { type Work, WorkLog } from './cost/work.js';
import { DryProgram } from './dry-program.js';
import { foldBlocks } from './fold.js';
import type { HostBatch } from './host-batch.js';
import { type PackedLayout, packLayout, type Repetition } from './layout.js';
import type { MemoryPlan } from './memory-plan.js';
import { createPlannedModel } from './planned-model.js';
import { type ProgramOptions, TrainingProgram } from './training-program.js';
import { UnfoldedAccount } from './unfold.js';

/** What is to be predicted. */
export interface PredictionRequest extends Omit<ProgramOptions, 'onSlot' | 'onParameter' | 'onMicroBatch'> {
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
  /** The same of the mean step: blocks that take turns and subspaces made anew count as often as they come. */
  readonly meanWork: Work;
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
  const ends: number[] = [];
  const [log, mean] = [new WorkLog(), new WorkLog()];
  let again = 1;
  let events: LedgerEvent[] = [];
  using program = new DryProgram(request, {
    onEvent: (event) => events.push(event),
    onMicroBatch: (index) => {
      ends.push(events.length);
      again = repeats(index, request);
    },
  });
  /** The events so far; from here on they are of another phase. */
  const ended = (): readonly LedgerEvent[] => {
    const phase = events;
    events = [];
    return phase;
  };
  const persistent = ended();
  const [usual, ...others] = program.variants;
  program.observe((call) => {
    log.add(call, again);
    mean.add(call, again * usual.share);
  });
  await program.step(usual.step);
  const step = ended();
  const [from, to = from] = ends;
  const times = request.accumulate - program.microBatches;
  const otherSteps: (readonly LedgerEvent[])[] = [];
  for (const other of others) {
    program.observe(undefined);
    await program.moveTo(other.step);
    ended();
    program.observe((call) => mean.add(call, again * other.share));
    await program.step(other.step);
    otherSteps.push(ended());
  }
  program.observe(undefined);
  await program.resample();
  const resampling = ended();
  await program.evaluate();
  const evaluation = ended();
  return {
    memory: program.ledger.read(),
    persistentBytes: program.ledger.live,
    events: { persistent, step, otherSteps, resampling, evaluation },
    repetition: { from, to, times },
    variant: usual.step,
    work: log.work,
    meanWork: mean.work,
    slots: program.slots,
    offloadBytes: program.offloadBytes,
    // At the end of forward all of it is there.
    movedBytes: request.accumulate * program.offloadBytes,
  };
}

/** What the steps of a run take: as much of a dry run as depends on how slots are kept. */
export interface DrySteps extends Pick<DryRun, 'meanWork' | 'slots' | 'movedBytes' | 'persistentBytes'> {
  /** High-water mark of the ledger, in bytes. */
  readonly peak: number;
}

/**
 * One step of each variant, without lifetimes: what a search for plans asks many times. Blocks that do the same are run once
 * and counted as often as they come, which gives the same numbers; `slots` are those of the blocks that were run.
 */
export async function drySteps(request: PredictionRequest): Promise<DrySteps> {
  const { request: folded, multiplicities } = foldBlocks(request) ?? { request, multiplicities: [] };
  let account: UnfoldedAccount | undefined;
  let again = 1;
  using program = new DryProgram(folded, {
    onSlot: ({ slot }) => account?.reach(slot),
    onParameter: (name) => account?.reach(name),
    onMicroBatch: (index) => {
      account?.moveOn();
      again = repeats(index, request);
    },
  });
  account = new UnfoldedAccount(program.ledger, multiplicities);
  const mean = new WorkLog();
  for (const { step, share } of program.variants) {
    account.moveOn();
    program.observe((call) => mean.add(call, again * account.multiplicity * share));
    await program.step(step);
  }
  account.moveOn();
  const { live, peak, hostPeak } = account.read();
  const movedBytes = request.accumulate * hostPeak;
  return { peak, persistentBytes: live, meanWork: mean.work, slots: program.slots, movedBytes };
}

/** How often what follows this micro-batch comes: the second one stands for all that follow the first. */
function repeats(index: number, { accumulate }: PredictionRequest): number {
  return index === 0 && accumulate > 1 ? accumulate - 1 : 1;
}

/**
 * Most bytes, beyond those that live as long as the run, of what is done between steps: resampling and evaluation. They do not
 * depend on how slots are kept, nor on the number of blocks, which come one after the other.
 */
export async function dryPauses(request: PredictionRequest): Promise<number> {
  const config = { ...request.config, numHiddenLayers: 1 };
  using program = new DryProgram({ ...request, config, plan: { ...request.plan, frozen: [] } });
  await program.resample();
  await program.evaluate();
  return program.ledger.peak - program.ledger.live;
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

import { aligned, createDryEngine, type LedgerEvent, type LedgerReading, type Role } from '../engine/index.js';
import type { SlotRecord } from '../keep/index.js';
import { Llama, type LlamaConfig } from '../models/index.js';
import type { HostBatch } from './host-batch.js';
import { bestFitBytes, type PackedLayout, packLayout } from './layout.js';
import type { MemoryPlan } from './memory-plan.js';
import { type ProgramOptions, TrainingProgram } from './training-program.js';

/** What is to be predicted. */
export interface PredictionRequest extends Omit<ProgramOptions, 'onSlot'> {
  readonly config: LlamaConfig;
  readonly plan: MemoryPlan;
  /** Sequences per micro-batch. */
  readonly batch: number;
  readonly sequenceLength: number;
  /** Micro-batches per optimizer step. */
  readonly accumulate: number;
  /** Threads of the engine that will run it: kernels' scratch depends on it. */
  readonly threads: number;
}

/** A live block at the moment of the peak. */
export interface PeakBlock {
  readonly name: string;
  readonly role: Role;
  readonly bytes: number;
}

/** What a run will take, from a dry run of the very same code. Bytes as asked for, unless said otherwise. */
export interface Prediction {
  readonly memory: LedgerReading;
  /** Floating-point operations of matrix products in one optimizer step. */
  readonly flops: number;
  /** Blocks that live as long as the run: weights, moments, tables. */
  readonly persistentBytes: number;
  /** Addresses of everything transient in a step. */
  readonly layout: PackedLayout;
  /** Bytes to set aside for programs: the step's layout, or resampling or evaluation if those need more. */
  readonly regionBytes: number;
  /** Bytes the arena will hold, alignment included. */
  readonly arenaBytes: number;
  /** How each slot is kept, in the order of the forward pass. */
  readonly slots: readonly SlotRecord[];
  /** What is live at the peak, largest first. */
  readonly atPeak: readonly PeakBlock[];
}

/** Runs one step, one resampling and one evaluation on the dry engine. Takes milliseconds, whatever the size of the model. */
export async function predict(request: PredictionRequest): Promise<Prediction> {
  const { config, plan, batch, sequenceLength, accumulate } = request;
  const slots = new Map<string, SlotRecord>();
  using engine = createDryEngine({ threads: request.threads });
  const persistent: LedgerEvent[] = [];
  engine.ledger.record((event) => persistent.push(event));
  using model = new Llama(engine, config, sequenceLength);
  using program = new TrainingProgram(engine, model, plan, {
    ...request,
    onSlot: (record) => slots.set(record.slot, record),
  });
  const step: LedgerEvent[] = [];
  engine.ledger.record((event) => step.push(event));
  const flopsBefore = engine.flops;
  const microBatches = Array.from({ length: accumulate }, () => emptyBatch(batch, sequenceLength));
  await program.step(microBatches, { step: 0, learningRate: 0 });
  const flops = engine.flops - flopsBefore;
  const resampling: LedgerEvent[] = [];
  engine.ledger.record((event) => resampling.push(event));
  await program.moveTo(plan.sketches?.updateGap ?? 0);
  const evaluation: LedgerEvent[] = [];
  engine.ledger.record((event) => evaluation.push(event));
  await program.evaluate(emptyBatch(batch, sequenceLength));
  engine.ledger.record(undefined);

  const layout = packLayout(step);
  const regionBytes = aligned(Math.max(layout.bytes, bestFitBytes(resampling), bestFitBytes(evaluation)));
  const region: LedgerEvent = { kind: 'allocate', id: -1, bytes: regionBytes, role: 'workspace', name: 'region' };
  return {
    memory: engine.ledger.read(),
    flops,
    persistentBytes: engine.ledger.live,
    layout,
    regionBytes,
    arenaBytes: bestFitBytes([...persistent, region]),
    slots: [...slots.values()],
    atPeak: liveAtPeak([...persistent, ...step, ...resampling, ...evaluation]),
  };
}

function emptyBatch(batch: number, sequenceLength: number): HostBatch {
  const tokens = batch * sequenceLength;
  return { inputs: new Int32Array(tokens), targets: new Int32Array(tokens), batch, sequenceLength };
}

/** Replays the events twice: once to find the moment of the peak, once to see what is live then. */
function liveAtPeak(events: readonly LedgerEvent[]): readonly PeakBlock[] {
  let peakTime = 0;
  let peak = 0;
  let live = 0;
  const sizes = new Map<number, number>();
  for (const [time, event] of events.entries()) {
    if (event.kind === 'allocate') {
      sizes.set(event.id, event.bytes);
      live += event.bytes;
    } else if (event.kind === 'free') live -= sizes.get(event.id) ?? 0;
    if (live > peak) {
      peak = live;
      peakTime = time;
    }
  }
  const blocks = new Map<number, PeakBlock>();
  for (const event of events.slice(0, peakTime + 1)) {
    if (event.kind === 'allocate') blocks.set(event.id, { name: event.name, role: event.role, bytes: event.bytes });
    else if (event.kind === 'free') blocks.delete(event.id);
    else {
      const block = blocks.get(event.id);
      if (block) blocks.set(event.id, { ...block, name: event.name, role: event.role });
    }
  }
  return [...blocks.values()].sort((a, b) => b.bytes - a.bytes);
}

import { aligned, type LedgerEvent, type LedgerReading, type Role } from '../engine/index.js';
import type { SlotRecord } from '../keep/index.js';
import { totalFlops, type Work } from './cost/work.js';
import { dryRun, type PredictionRequest } from './dry-run.js';
import { bestFitBytes, type PackedLayout, packLayout, repeatLayout } from './layout.js';

/** A live block at the moment of the peak. */
export interface PeakBlock {
  readonly name: string;
  readonly role: Role;
  readonly bytes: number;
}

/** What a run will take, from a dry run of the very same code. Bytes as asked for, unless said otherwise. */
export interface Prediction {
  readonly memory: LedgerReading;
  /** The ops of an optimizer step in the mean of many; see `stepSeconds` for their time. */
  readonly meanWork: Work;
  /** Floating-point operations of matrix products in a step as most are. */
  readonly flops: number;
  /** Blocks that live as long as the run: weights, moments, tables. */
  readonly persistentBytes: number;
  /** Addresses of everything transient in a step. */
  readonly layout: PackedLayout;
  /** The program's variant that the layout and the ops are those of. */
  readonly variant: number;
  /**
   * Bytes to set aside for programs: the step's layout, or what runs best-fit (steps that make subspaces anew, resampling,
   * evaluation) if that needs more.
   */
  readonly regionBytes: number;
  /** Bytes the arena will hold, alignment included. */
  readonly arenaBytes: number;
  /** How each slot is kept, in the order of the forward pass. */
  readonly slots: readonly SlotRecord[];
  /** Bytes of the file that offloaded tensors go to. */
  readonly offloadBytes: number;
  /** Bytes that go there in an optimizer step; as many come back. */
  readonly movedBytes: number;
  /** What is live at the peak, largest first. */
  readonly atPeak: readonly PeakBlock[];
}

/** Runs one step, one resampling and one evaluation on the dry engine, and lays the step out in memory. */
export async function predict(request: PredictionRequest): Promise<Prediction> {
  const run = await dryRun(request);
  const { memory, persistentBytes, events, repetition, variant, work, meanWork, slots, offloadBytes, movedBytes } = run;
  const { persistent, step, otherSteps, resampling, evaluation } = events;
  const layout = repeatLayout(packLayout(step), step, repetition);
  const programs = [...otherSteps, resampling, evaluation];
  const regionBytes = aligned(Math.max(layout.bytes, ...programs.map(bestFitBytes)));
  const region: LedgerEvent = { kind: 'allocate', id: -1, bytes: regionBytes, role: 'workspace', name: 'region' };
  return {
    memory,
    meanWork,
    flops: totalFlops(work),
    persistentBytes,
    layout,
    variant,
    regionBytes,
    arenaBytes: bestFitBytes([...persistent, region]),
    slots,
    offloadBytes,
    movedBytes,
    atPeak: liveAtPeak([...persistent, ...step, ...programs.flat()]),
  };
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

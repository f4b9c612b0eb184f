import type { LedgerEvent, Role } from '../../engine/index.js';
import { type LlamaConfig, presets } from '../../models/index.js';
import { priceStep } from '../cost/price-step.js';
import { recordedRates } from '../cost/recorded.js';
import { type DryRun, dryRun, type PredictionRequest } from '../dry-run.js';
import type { MemoryPlan } from '../memory-plan.js';
import { makePlan } from '../recipes.js';
import { type Component, galoreRanks, type PaperMethod, type PaperModel, pretraining } from './published.js';

/** A cell that this program derives by a dry run: bytes, and those of each component. */
export interface Derived {
  readonly peak: number;
  readonly components: { readonly [C in Component]: number };
  readonly run: DryRun;
}

/** The plan of a published row. */
export function paperPlan(method: PaperMethod, model: PaperModel): MemoryPlan {
  const { numHiddenLayers: layers } = presets[model];
  const compact = (ratio: number) => makePlan(['full', 'compact'], { layers, rank: { ratio } });
  switch (method) {
    case 'full':
      return makePlan(['full'], { layers });
    case 'galore':
      return makePlan(['full', 'galore'], { layers, rank: { absolute: galoreRanks[model] } });
    case 'compact n/2':
      return compact(1 / 2);
    case 'compact n/4':
      return compact(1 / 4);
    case 'compact n/8':
      return compact(1 / 8);
    default:
      return method satisfies never;
  }
}

/** What else this program can do with the same tokens. */
export const ownRows: readonly OwnRow[] = [
  { name: 'lean', methods: ['lean'] },
  { name: 'lean, compact n/4', methods: ['lean', 'compact'], rank: 1 / 4 },
  { name: 'checkpoint', methods: ['checkpoint'] },
  { name: 'checkpoint, compact n/4', methods: ['checkpoint', 'compact'], rank: 1 / 4 },
  { name: 'checkpoint, compact n/4, adam8bit', methods: ['checkpoint', 'compact', 'adam8bit'], rank: 1 / 4 },
  { name: 'checkpoint, compact n/8, adam8bit', methods: ['checkpoint', 'compact', 'adam8bit'], rank: 1 / 8 },
  {
    name: 'checkpoint, compact n/4, adam8bit, fused-update',
    methods: ['checkpoint', 'compact', 'adam8bit', 'fused-update'],
    rank: 1 / 4,
  },
  {
    name: 'checkpoint, compact n/8, adam8bit, fused-update',
    methods: ['checkpoint', 'compact', 'adam8bit', 'fused-update'],
    rank: 1 / 8,
  },
  {
    name: 'checkpoint, compact n/8, adam8bit, the same tokens in 4 parts',
    methods: ['checkpoint', 'compact', 'adam8bit'],
    rank: 1 / 8,
    parts: 4,
  },
];

export interface OwnRow {
  readonly name: string;
  readonly methods: readonly string[];
  readonly rank?: number;
  /** Micro-batches that the paper's one is cut into. */
  readonly parts?: number;
}

export function ownPlan({ methods, rank }: OwnRow, { numHiddenLayers: layers }: LlamaConfig): MemoryPlan {
  return makePlan(methods, { layers, ...(rank !== undefined && { rank: { ratio: rank } }) });
}

/**
 * Predicted time of a plan's step over the paper's tokens, relative to full rank on the same engine. Fused updates cannot
 * accumulate: theirs is a step of one micro-batch, compared with such a step.
 */
export async function relativeTime(config: LlamaConfig, plan: MemoryPlan, parts = 1): Promise<number> {
  const accumulate = plan.update === 'fused' ? 1 : pretraining.accumulate;
  const full = makePlan(['full'], { layers: config.numHiddenLayers });
  const own = { ...requestFor(config, plan, parts), accumulate: accumulate * parts };
  const { seconds } = await priceStep(own, recordedRates);
  return seconds / (await priceStep({ ...requestFor(config, full), accumulate }, recordedRates)).seconds;
}

/**
 * A dry run in the paper's setting: 32,768 tokens per micro-batch. Two micro-batches stand for the paper's
 * four: from the second on, all gradients are there and the peak is always the same. Fused updates have one.
 */
export async function derive(config: LlamaConfig, plan: MemoryPlan, parts = 1): Promise<Derived> {
  const run = await dryRun(requestFor(config, plan, parts));
  const { persistent, step } = run.events;
  const { peak, peakByRole } = accountOf([...persistent, ...step]);
  const linear = run.slots.filter(({ slot, consumer }) => consumer === 'linear' && slot.startsWith('layers.'));
  return {
    peak,
    components: {
      weights: peakByRole.weight,
      gradients: peakByRole.gradient,
      optimizer: peakByRole.optimizer,
      'linear activations': linear.reduce((sum, { bytes }) => sum + bytes, 0),
      peak,
    },
    run,
  };
}

function inBf16(plan: MemoryPlan): MemoryPlan {
  return { ...plan, precision: { dtype: 'bf16', moments: 'bf16', masterWeights: false } };
}

/** The paper's setting, all in bf16. */
function requestFor(config: LlamaConfig, plan: MemoryPlan, parts = 1): PredictionRequest {
  return {
    config,
    plan: inBf16(plan),
    ...pretraining,
    batch: pretraining.batch / parts,
    accumulate: plan.update === 'fused' ? 1 : 2,
    threads: 1,
    optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-6, epsilonForm: 'uncorrected', weightDecay: 0 },
    seed: 0,
  };
}

/** The peak of most steps, and of each role: what makes subspaces anew is no part of the paper's figures. */
function accountOf(events: readonly LedgerEvent[]) {
  const live = new Map<number, { readonly bytes: number; role: Role }>();
  const byRole = new Map<Role, number>();
  const peakByRole = { weight: 0, gradient: 0, optimizer: 0 };
  let total = 0;
  let peak = 0;
  const add = (role: Role, bytes: number) => {
    const now = (byRole.get(role) ?? 0) + bytes;
    byRole.set(role, now);
    if (role === 'weight' || role === 'gradient' || role === 'optimizer') {
      peakByRole[role] = Math.max(peakByRole[role], now);
    }
  };
  for (const event of events) {
    if (event.kind === 'allocate') {
      const { id, bytes, role } = event;
      live.set(id, { bytes, role });
      add(role, bytes);
      total += bytes;
      peak = Math.max(peak, total);
      continue;
    }
    const block = live.get(event.id);
    if (!block) continue;
    add(block.role, -block.bytes);
    if (event.kind === 'free') {
      live.delete(event.id);
      total -= block.bytes;
    } else {
      block.role = event.role;
      add(block.role, block.bytes);
    }
  }
  return { peak, peakByRole };
}

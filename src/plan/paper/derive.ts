import type { LedgerEvent, Role } from '../../engine/index.js';
import { type LlamaConfig, presets } from '../../models/index.js';
import { type DryRun, dryRun } from '../dry-run.js';
import type { MemoryPlan } from '../memory-plan.js';
import { makePlan, type RecipeOptions } from '../recipes.js';
import { type Component, type PaperMethod, type PaperModel, pretraining } from './published.js';

/** A cell that this program derives by a dry run: bytes, and those of each component. */
export interface Derived {
  readonly peak: number;
  readonly components: { readonly [C in Component]: number };
  readonly run: DryRun;
}

/** The plan of a published row; undefined while the method is not there. */
export function paperPlan(method: PaperMethod, model: PaperModel): MemoryPlan | undefined {
  const { numHiddenLayers: layers } = presets[model];
  const compact = (ratio: number) => makePlan(['full', 'compact'], { layers, rank: { ratio } });
  switch (method) {
    case 'full':
      return makePlan(['full'], { layers });
    case 'galore':
      return undefined;
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
  { name: 'lean, compact n/4', methods: ['lean', 'compact'], options: { rank: { ratio: 1 / 4 } } },
  { name: 'checkpoint', methods: ['checkpoint'] },
  { name: 'checkpoint, compact n/4', methods: ['checkpoint', 'compact'], options: { rank: { ratio: 1 / 4 } } },
  { name: 'checkpoint, compact n/8', methods: ['checkpoint', 'compact'], options: { rank: { ratio: 1 / 8 } } },
];

export interface OwnRow {
  readonly name: string;
  readonly methods: readonly string[];
  readonly options?: Partial<RecipeOptions>;
}

export function ownPlan({ methods, options }: OwnRow, { numHiddenLayers: layers }: LlamaConfig): MemoryPlan {
  return makePlan(methods, { layers, ...options });
}

/**
 * A dry run in the paper's setting: 32,768 tokens per micro-batch, all in bf16. Two micro-batches stand for the paper's
 * four: from the second on, all gradients are there and the peak is always the same.
 */
export async function derive(config: LlamaConfig, plan: MemoryPlan): Promise<Derived> {
  const run = await dryRun({
    config,
    plan,
    ...pretraining,
    accumulate: 2,
    threads: 1,
    optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-6, epsilonForm: 'uncorrected', weightDecay: 0 },
    seed: 0,
  });
  const { persistent, step } = run.events;
  const { peak, peakByRole } = peakInBf16([...persistent, ...step]);
  const linear = run.slots.filter(({ slot, consumer }) => consumer === 'linear' && slot.startsWith('layers.'));
  return {
    peak,
    components: {
      weights: peakByRole.weight,
      gradients: peakByRole.gradient,
      optimizer: peakByRole.optimizer,
      'linear activations': linear.reduce((sum, { bytes }) => sum + bytes / 2, 0),
      peak,
    },
    run,
  };
}

/** Roles that a bf16 run stores in two bytes per number; kernels' scratch, tables and token ids stay as they are. */
const halved: ReadonlySet<Role> = new Set(['weight', 'gradient', 'optimizer', 'saved', 'activation', 'projection']);

function peakInBf16(events: readonly LedgerEvent[]) {
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
      // Statistics of rows stay f32.
      const wide = !halved.has(event.role) || /\.(rstd|log_sum_exp)$/.test(event.name);
      const block = { bytes: wide ? event.bytes : event.bytes / 2, role: event.role };
      live.set(event.id, block);
      add(block.role, block.bytes);
      total += block.bytes;
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

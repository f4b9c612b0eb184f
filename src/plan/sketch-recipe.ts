import { InputError } from '../engine/index.js';
import type { ProjectionFamily, RankSpec } from '../keep/index.js';
import { muonDefaults } from '../optim/index.js';
import { blockScales } from './block-scales.js';
import type { MemoryPlan, OptimizerRule, SketchPlan } from './memory-plan.js';

/** Methods that keep sketches of linear inputs, each with one sentence for people. */
export const sketchMethods = {
  compact: 'CompAct: r×m gradients and moments from random sketches, one per layer as in the paper',
  'compact-shared': 'CompAct with one sketch per input: q, k, v share one; gate and up share one',
  'compact-down': 'CompAct on down_proj only, the other linears exact',
  'compact-plus': 'CompAct with fast Hadamard sketches and Muon in the subspace: one r×m state, no second moment',
  prac: 'PRAC: inputs of linears kept in half leading, half random directions; full-size gradients without bias',
} as const satisfies Record<string, string>;

export type SketchMethod = keyof typeof sketchMethods;

/** Details that refine sketches; undefined means the method's own default. */
export interface SketchOptions {
  readonly rank?: RankSpec;
  readonly updateGap?: number | null;
  readonly scale?: number;
  /** Factor on the output projection's update, relative to `scale`. */
  readonly outputScale?: number;
  readonly projection?: ProjectionFamily;
  /** Where the directions of a sketch come from, or how GaLore finds its basis. */
  readonly basis?: 'svd' | 'range-finder' | 'random' | 'prac';
  /** Whether sketched gradients stay compressed or are brought back to the weights' shape. */
  readonly gradient?: 'compressed' | 'lifted';
  /** Whether directions change together, or blocks of them in turn. */
  readonly refresh?: 'together' | 'staggered';
  /** What becomes of first moments when the projection changes. */
  readonly moments?: 'keep' | 'reset' | 'transport';
  /** What becomes of second moments then. */
  readonly secondMoments?: 'keep' | 'reset';
  /** Steps after each change of the projection in which updates grow to their full size. */
  readonly warmRestart?: number;
  /** Form the sketch in forward and store it, or in backward from a recomputed input. */
  readonly sketchWhen?: 'forward' | 'backward';
}

/** Published settings of CompAct's pre-training: r = n/4, T = 50, α = 0.25, and half of α on the output projection. */
const compactDefaults = { rank: { ratio: 0.25 }, updateGap: 50, scale: 0.25, outputScale: 0.5 } as const;

/**
 * What CompAct's improvements came to in the study of docs/results/pretrain-study.md: embedding and head want sixteen times the rate
 * of the blocks, and Muon's updates in the subspace are as large as Adam's sign-like ones there.
 */
const plusDefaults = { ...compactDefaults, scale: 1 / 16 } as const;

/** All matrices of the blocks go at one rate: those that are not sketched are exact, the output projection like the others. */
const downDefaults = { ...compactDefaults, outputScale: 1 } as const;

/** Published settings of PRAC: r1 = r2 = 0.3·n, T = 500; its gradients are as large as exact ones. */
const pracDefaults = { rank: { ratio: 0.6 }, updateGap: 500, scale: 1, outputScale: 1 } as const;

const defaultsOf = {
  compact: compactDefaults,
  'compact-shared': compactDefaults,
  'compact-down': downDefaults,
  'compact-plus': plusDefaults,
  prac: compactDefaults,
} as const satisfies Record<SketchMethod, unknown>;

/** Weights whose inputs CompAct sketches. */
export const compactWeights = [
  '*.q_proj.weight',
  '*.k_proj.weight',
  '*.v_proj.weight',
  '*.gate_proj.weight',
  '*.up_proj.weight',
];
export const downWeight = '*.down_proj.weight';

/** The chosen method of sketches, if any. */
export function sketchMethod(chosen: ReadonlySet<string>): SketchMethod | undefined {
  const found = (Object.keys(sketchMethods) as SketchMethod[]).filter((name) => chosen.has(name));
  if (found.length > 1) throw new InputError(`methods ${found.join(' and ')} exclude each other: choose one`);
  return found[0];
}

/** Whether gradients are brought back to the weights' shape: PRAC's own way. */
export function isLifted(method: SketchMethod | undefined, { gradient }: SketchOptions): boolean {
  return method !== undefined && (gradient ?? (method === 'prac' ? 'lifted' : 'compressed')) === 'lifted';
}

/** The parts of the plan that a method of sketches says. */
export interface SketchRecipe {
  readonly slots: MemoryPlan['slots'];
  readonly sketches: SketchPlan;
  readonly updateScales: MemoryPlan['updateScales'];
  readonly optimizer: OptimizerRule[];
}

/**
 * @param when whether sketches are formed in forward or in backward
 * @throws InputError where options exclude each other
 */
export function sketchRecipe(method: SketchMethod, options: SketchOptions, when: 'forward' | 'backward'): SketchRecipe {
  const lifted = isLifted(method, options);
  const defaults = lifted ? pracDefaults : defaultsOf[method];
  const { updateGap = defaults.updateGap, scale = defaults.scale } = options;
  const basis = basisOf(method, options, lifted);
  const weights = method === 'compact-down' ? [downWeight] : [...compactWeights, downWeight];
  const form = when === 'forward' ? ('sketch' as const) : ('late-sketch' as const);
  const sketches: SketchPlan = {
    weights,
    projection: options.projection ?? (method === 'compact-plus' ? 'srht' : 'gaussian'),
    basis,
    gradient: lifted ? 'lifted' : 'compressed',
    rank: options.rank ?? defaults.rank,
    share: method === 'compact-shared' || method === 'prac',
    updateGap,
    scale,
    refresh: options.refresh ?? 'together',
    moments: {
      first: options.moments ?? 'keep',
      second: options.secondMoments ?? 'keep',
      warmRestart: options.warmRestart ?? null,
    },
  };
  refuseIdleMoments(sketches);
  refuseStaggered(sketches);
  return {
    slots: weights.map((weight) => ({ match: weight.replace(/weight$/, 'input'), form })),
    sketches,
    updateScales: exactScales(method, scale, options.outputScale ?? defaults.outputScale),
    optimizer: method === 'compact-plus' ? [{ match: '*_proj.weight', update: { ...muonDefaults, updateRms: 1 } }] : [],
  };
}

/**
 * α on the block matrices that have no sketch: beside `compact-down`'s all of them, as fast as its own; of the other methods the
 * output projection, at the published half.
 */
function exactScales(method: SketchMethod, scale: number, outputScale: number): MemoryPlan['updateScales'] {
  const ofOutput = { match: '*.o_proj.weight', scale: scale * outputScale };
  return method === 'compact-down' ? [...blockScales(scale), ofOutput] : [ofOutput];
}

function basisOf(method: SketchMethod, { basis, projection }: SketchOptions, lifted: boolean): SketchPlan['basis'] {
  if (basis === 'svd') {
    throw new InputError('--basis svd is one of galore', 'sketches have random, range-finder and prac');
  }
  const chosen = basis ?? (method === 'prac' ? 'prac' : 'random');
  if (chosen === 'range-finder' && lifted) {
    throw new InputError(
      'a gradient lifted from a range-finder basis is biased: what lies outside the basis never counts',
      'use --basis prac, whose random half makes up for it, or --gradient compressed',
    );
  }
  if (chosen !== 'random' && projection !== undefined) {
    throw new InputError(`--projection ${projection} has no meaning with --basis ${chosen}`, 'drop one of them');
  }
  return chosen;
}

function refuseIdleMoments({ moments, updateGap, gradient, basis }: SketchPlan): void {
  const { first, second, warmRestart } = moments;
  const asked = first !== 'keep' || second !== 'keep' || warmRestart !== null;
  if (asked && updateGap === null) {
    throw new InputError('a projection that never changes leaves moments as they are', 'give --update-gap a number');
  }
  if (asked && gradient === 'lifted') {
    throw new InputError('moments of lifted gradients have no subspace to change with', 'use --gradient compressed');
  }
  if (first === 'transport' && basis !== 'random') {
    throw new InputError(
      'moments are transported by making the last projection again, which only works from a seed',
      'use --basis random, or --moments reset',
    );
  }
}

function refuseStaggered({ refresh, projection, basis, gradient, updateGap, moments }: SketchPlan): void {
  if (refresh !== 'staggered') return;
  if (updateGap === null) {
    throw new InputError('a projection that never changes has no turns to change in', 'give --update-gap a number');
  }
  if (basis !== 'random' || (projection !== 'gaussian' && projection !== 'rademacher')) {
    throw new InputError(
      `${basis === 'random' ? `${projection} projections` : `directions of ${basis}`} change as a whole: they depend on one another`,
      'use --projection gaussian or rademacher with --refresh staggered',
    );
  }
  if (gradient === 'lifted' || moments.first !== 'keep' || moments.second !== 'keep' || moments.warmRestart !== null) {
    throw new InputError(
      'a staggered refresh has its own rule for the moments of compressed gradients',
      'leave out --moments, --second-moments, --warm-restart and --gradient lifted',
    );
  }
}

import { InputError, most8bitBlock } from '../engine/index.js';
import { adafactorDefaults, adam8bitDefaults, muonDefaults, type UpdateSpec } from '../optim/index.js';
import { flagName } from './flag-name.js';
import type { BlockCoordinatePlan, BlockOrder, OptimizerRule } from './memory-plan.js';

/** Methods that say how parameters are updated and in what form that state is kept, each with one sentence for people. */
export const optimizerMethods = {
  adam8bit: 'Adam with both moments in 8 bits, one scale per block of elements; embeddings and small tensors stay f32',
  'adam-mini': 'Adam with one second moment per head or output instead of one per element',
  adafactor: 'second moments as factors of rows and columns, no first moment; steps relative to the weights',
  lomo: 'plain gradient descent within backward: no optimizer state, one gradient at a time',
  adalomo: 'Adafactor within backward: factors of rows and columns, one gradient at a time',
  badam: 'block coordinate descent: the blocks take turns; gradients and moments of one block at a time',
  muon: 'momentum of the matrices in the blocks, orthogonalised; the rest as without it. With compact: in its subspace',
} as const satisfies Record<string, string>;

type OptimizerMethod = keyof typeof optimizerMethods;

/** Details that refine these methods. */
export interface OptimizerOptions {
  /** Rows of q and k per attention head: `adam-mini` needs it. */
  readonly headWidth?: number;
  /** Elements that share a scale of 8-bit moments. */
  readonly blockSize?: number;
  /** μ of `muon`, or β1 of `adafactor`, which has none otherwise. */
  readonly momentum?: number;
  /** Root mean square of `muon`'s updates. */
  readonly updateRms?: number;
  /** Steps of a block's turn in `badam`. */
  readonly switchEvery?: number;
  /** Order of the blocks in `badam`. */
  readonly blockOrder?: BlockOrder;
}

/** What each option refines. */
export const optimizerOptionOwners: {
  readonly [K in Exclude<keyof OptimizerOptions, 'headWidth'>]: readonly OptimizerMethod[];
} = {
  blockSize: ['adam8bit'],
  momentum: ['muon', 'adafactor', 'adalomo'],
  updateRms: ['muon'],
  switchEvery: ['badam'],
  blockOrder: ['badam'],
};

/** Weights inside the blocks of all models; their vectors stay on Adam whatever `muon` says. */
const blockWeights = ['*layers.*', '*layer.*', '*h.*'] as const;
const embeddings = ['*embed*', '*wte.weight', '*wpe.weight'] as const;
const queriesAndKeys = ['*q_proj.weight', '*k_proj.weight', '*query.weight', '*key.weight'] as const;

export interface OptimizerRecipe {
  readonly rules: OptimizerRule[];
  /** Whether the method itself updates within backward. */
  readonly fused: boolean;
  readonly blockCoordinate: BlockCoordinatePlan | null;
}

/**
 * The rules of the plan's optimizer.
 *
 * @throws InputError where methods or options exclude each other
 */
export function optimizerRecipe(chosen: ReadonlySet<string>, options: OptimizerOptions): OptimizerRecipe {
  const names = (Object.keys(optimizerMethods) as OptimizerMethod[]).filter((name) => chosen.has(name));
  refuseLoose(names, options);
  const [first, second] = names.filter((name) => name !== 'muon');
  if (second)
    throw new InputError(`methods ${first} and ${second} exclude each other: each is an optimizer of its own`);
  const fused = first === 'lomo' || first === 'adalomo';
  if ((fused || first === 'badam') && chosen.has('muon')) {
    throw new InputError(`methods ${first} and muon exclude each other: ${first} updates all parameters its own way`);
  }
  const { switchEvery = 50, blockOrder: order = 'random' } = options;
  return {
    rules: [...rulesOf(first, options), ...(chosen.has('muon') ? muonRules(options) : [])],
    fused,
    blockCoordinate: first === 'badam' ? { switchEvery, order } : null,
  };
}

function rulesOf(name: OptimizerMethod | undefined, options: OptimizerOptions): OptimizerRule[] {
  switch (name) {
    case 'adam8bit': {
      const { blockSize = adam8bitDefaults.blockSize } = options;
      if (blockSize > most8bitBlock) throw new InputError(`--block-size: at most ${most8bitBlock}, found ${blockSize}`);
      return [all({ ...adam8bitDefaults, blockSize }), ...embeddings.map((match) => ({ match, update: adamW }))];
    }
    case 'adam-mini':
      return adamMiniRules(options);
    case 'adafactor':
    case 'adalomo':
      return [all({ ...adafactorDefaults, momentum: options.momentum ?? adafactorDefaults.momentum })];
    case 'lomo':
      return [all({ name: 'sgd' })];
    default:
      return [all(adamW)];
  }
}

const adamW: UpdateSpec = { name: 'adamw' };

function all(update: UpdateSpec): OptimizerRule {
  return { match: '*', update };
}

function adamMiniRules({ headWidth }: OptimizerOptions): OptimizerRule[] {
  if (headWidth === undefined) throw new InputError('adam-mini needs the width of an attention head');
  const update = (rowsPerBlock: number): UpdateSpec => ({ name: 'adam-mini', rowsPerBlock });
  return [all(update(1)), ...queriesAndKeys.map((match) => ({ match, update: update(headWidth) }))];
}

function muonRules({ momentum = muonDefaults.momentum, updateRms = muonDefaults.updateRms }: OptimizerOptions) {
  return blockWeights.map((match) => ({ match, update: { ...muonDefaults, momentum, updateRms } }));
}

function refuseLoose(names: readonly OptimizerMethod[], options: OptimizerOptions): void {
  for (const [option, refined] of Object.entries(optimizerOptionOwners)) {
    if (
      options[option as keyof typeof optimizerOptionOwners] === undefined ||
      refined.some((name) => names.includes(name))
    )
      continue;
    throw new InputError(`${flagName(option)} has no meaning here`, `it refines ${refined.join(', ')}`);
  }
}

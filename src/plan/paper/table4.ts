import { presets } from '../../models/index.js';
import { predict } from '../predict.js';
import { makePlan, type RecipeOptions } from '../recipes.js';
import type { SaveMode } from '../save-modes.js';
import { fineTuning, type Table4Method, table4 } from './published.js';
import type { PaperRow } from './rows.js';

const model = 'roberta-base';

interface Arrangement {
  readonly methods: readonly string[];
  readonly rank?: number;
  readonly saveMode?: SaveMode;
}

/** The arrangements of the published rows; the paper scales updates by α = 16/r, of which memory does not depend. */
const published: { readonly [M in Table4Method]: Arrangement } = {
  full: { methods: ['full'] },
  'galore r=4': { methods: ['full', 'galore'], rank: 4 },
  'compact r=4': { methods: ['full', 'compact'], rank: 4 },
  'galore r=8': { methods: ['full', 'galore'], rank: 8 },
  'compact r=8': { methods: ['full', 'compact'], rank: 8 },
};

/** What else this program can do with the same rows. */
const own: { readonly [name in string]: Arrangement } = {
  lean: { methods: ['lean'] },
  'lean, compact r=8': { methods: ['lean', 'compact'], rank: 8 },
  'compact r=8, no-qkv': { methods: ['compact'], rank: 8, saveMode: 'no-qkv' },
  checkpoint: { methods: ['checkpoint'] },
  'checkpoint, compact r=8': { methods: ['checkpoint', 'compact'], rank: 8 },
};

/** The published algorithm keeps more than the paper's figure has room for. */
const note = 'what the algorithm as published keeps; its block takes 10n + 5r of full rank’s 16n';

/** Table 4: memory of fine-tuning RoBERTa-base, in MiB, and the rows that this program adds. */
export async function table4Rows(): Promise<readonly PaperRow[]> {
  const rows: PaperRow[] = [];
  for (const method of Object.keys(table4) as Table4Method[]) {
    const differs = method.startsWith('compact') ? { note } : {};
    rows.push({ model, method, published: table4[method], derived: await peak(published[method]), ...differs });
  }
  for (const [method, arrangement] of Object.entries(own)) {
    rows.push({ model, method, published: null, derived: await peak(arrangement) });
  }
  return rows;
}

async function peak({ methods, rank, saveMode }: Arrangement): Promise<number> {
  const config = presets[model];
  const options: RecipeOptions = {
    layers: config.numHiddenLayers,
    ...(rank !== undefined && { rank: { absolute: rank } }),
    ...(saveMode && { saveMode }),
  };
  const { memory } = await predict({
    config,
    plan: makePlan(methods, options),
    ...fineTuning,
    threads: 1,
    optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, epsilonForm: 'standard', weightDecay: 0 },
    seed: 0,
  });
  return memory.peak / 2 ** 20;
}

import { presets } from '../../models/index.js';
import { type Derived, derive, ownPlan, ownRows, paperPlan, relativeTime } from './derive.js';
import {
  type Component,
  components,
  galoreRanks,
  paperMethods,
  paperModels,
  type Table3Method,
  table2,
  table3,
} from './published.js';

/** One cell of a table: what the paper printed beside what a dry run gives, in GiB; table 4 is in MiB. */
export interface PaperRow {
  readonly model: string;
  readonly method: string;
  readonly component?: Component;
  /** null: the paper has no such figure. */
  readonly published: number | null;
  readonly derived: number;
  /** What the derivation gives when it counts as the paper's authors did, where that differs. */
  readonly countedAsPaper?: number;
  readonly note?: string;
  /** Predicted time of a step, relative to full rank on the same engine; of rows that only this program has. */
  readonly time?: number;
}

const gibibyte = 2 ** 30;

/** Table 2, and below each model the rows that this program adds. */
export async function table2Rows(): Promise<readonly PaperRow[]> {
  const rows: PaperRow[] = [];
  for (const model of paperModels) {
    for (const method of paperMethods) {
      const derived = (await derive(presets[model], paperPlan(method, model))).peak / gibibyte;
      const published = table2[model][method];
      const note = published === null ? { note: "out of the paper's 81 GB" } : {};
      rows.push({ model, method, published, derived, ...note });
    }
    rows.push(...(await rowsOfOurs(model)));
  }
  rows.push(...(await rowsOfOurs('llama-7b')));
  return rows;
}

async function rowsOfOurs(model: (typeof paperModels)[number] | 'llama-7b'): Promise<readonly PaperRow[]> {
  const rows: PaperRow[] = [];
  for (const row of ownRows) {
    const plan = ownPlan(row, presets[model]);
    const { peak } = await derive(presets[model], plan, row.parts);
    const time = await relativeTime(presets[model], plan, row.parts);
    rows.push({ model, method: row.name, published: null, derived: peak / gibibyte, time });
  }
  return rows;
}

/** Table 3: the components of the 350M model. */
export async function table3Rows(): Promise<readonly PaperRow[]> {
  const rows: PaperRow[] = [];
  for (const method of ['full', 'galore', 'compact n/4'] as const) {
    const derived = await derive(presets['llama-350m'], paperPlan(method, 'llama-350m'));
    for (const component of components) rows.push(table3Row(method, component, derived));
  }
  return rows;
}

function table3Row(method: Table3Method, component: Component, derived: Derived): PaperRow {
  return {
    model: 'llama-350m',
    method,
    component,
    published: table3[method][component],
    derived: derived.components[component] / gibibyte,
    ...countedAsPaper(method, component, derived),
  };
}

/** The paper's estimates count 350 million parameters (there are 368), and compress o_proj too (its runs do not). */
function countedAsPaper(method: Table3Method, component: Component, { components: derived }: Derived) {
  const nominal = (2 * 350e6) / gibibyte;
  if (component === 'weights' || (component === 'gradients' && method !== 'compact n/4')) {
    return { countedAsPaper: nominal, note: 'the paper counts 350 million parameters' };
  }
  if (component === 'optimizer' && method === 'full') {
    return { countedAsPaper: 2 * nominal, note: 'the paper counts 350 million parameters' };
  }
  if (method === 'galore' && component === 'optimizer') {
    const { hiddenSize, numHiddenLayers } = presets['llama-350m'];
    // Of each of the seven matrices of a block the shorter side is the hidden width.
    const bases = 2 * numHiddenLayers * 7 * galoreRanks['llama-350m'] * hiddenSize;
    return { countedAsPaper: (derived.optimizer - bases) / gibibyte, note: 'the paper counts moments without bases' };
  }
  if (method === 'compact n/4' && (component === 'gradients' || component === 'optimizer')) {
    const { hiddenSize, numHiddenLayers } = presets['llama-350m'];
    const spared = 2 * numHiddenLayers * (hiddenSize * hiddenSize * (3 / 4));
    const states = component === 'optimizer' ? 2 : 1;
    const counted = (derived[component] - states * spared) / gibibyte;
    return { countedAsPaper: counted, note: 'the paper counts o_proj as compressed' };
  }
  return {};
}

import { InputError } from '../engine/index.js';
import { type Allowance, allowances, type FittedPlan, fitPlan, type PredictionRequest } from '../plan/index.js';
import { ratesFor } from './kernel-rates.js';
import type { OptionValues } from './option-table.js';
import type { budgetOptions, methodOptions, offloadOptions, shapeOptions } from './options.js';

type BudgetValues = OptionValues<typeof methodOptions> &
  OptionValues<typeof budgetOptions> &
  Pick<OptionValues<typeof shapeOptions>, 'memory'> &
  Pick<OptionValues<typeof offloadOptions>, 'offloadBandwidth'>;

/** Methods that leave open how slots are kept: they are about gradients, optimizer states and updates. */
const openMethods: ReadonlySet<string> = new Set([
  'compact',
  'compact-shared',
  'compact-down',
  'fused-update',
  'adam8bit',
  'adam-mini',
  'adafactor',
  'lomo',
  'adalomo',
  'muon',
  'galore',
  'apollo',
  'apollo-mini',
]);

/**
 * Whether `--memory` is to choose how slots are kept: nothing else says it.
 *
 * @throws InputError where `--allow` is given without a choice that it could widen
 */
export function choosesByMemory(values: BudgetValues): boolean {
  const { memory, plan, method = [], saveMode, checkpointEvery, sketchWhen, allow } = values;
  const said = plan ?? saveMode ?? checkpointEvery ?? sketchWhen ?? method.find((name) => !openMethods.has(name));
  const chooses = memory !== undefined && said === undefined;
  if (allow && !chooses) {
    throw new InputError(
      '--allow widens what --memory may choose, which here it does not',
      memory === undefined ? 'add --memory' : 'leave out the options and methods that say how slots are kept',
    );
  }
  return chooses;
}

/** The cheapest plan within `--memory`; undefined where the budget is only to be kept. */
export async function fitToMemory(values: BudgetValues, request: PredictionRequest): Promise<FittedPlan | undefined> {
  const { memory, allow = [] } = values;
  if (!choosesByMemory(values) || memory === undefined) return undefined;
  return fitPlan(request, {
    budget: memory,
    rates: await ratesFor(values, request.threads),
    allow: parseAllowances(allow),
  });
}

function parseAllowances(names: readonly string[]): ReadonlySet<Allowance> {
  const known = names.map((name) => {
    const found = allowances.find((allowance) => allowance === name);
    if (found) return found;
    throw new InputError(`--allow: expected ${allowances.join(', ')}, found "${name}"`);
  });
  return new Set(known);
}

import { InputError } from '../../engine/index.js';
import { type MemoryPlan, methods, type Prediction, predict } from '../../plan/index.js';
import { formatBytes } from '../../report/index.js';
import type { PlanValues } from '../command-options.js';
import { chooseModel, chooseSequenceLength, countParameters, type ModelChoice } from '../model-choice.js';
import type { Output } from '../output.js';
import { choosePlan, planAmongOthers } from '../plan-choice.js';
import {
  blockLines,
  comparisonTable,
  overviewLines,
  type PlannedMethod,
  roleTable,
  slotLines,
} from '../plan-tables.js';
import { threadsOf } from '../threads.js';
import { refuseUnfinished } from '../training/settings.js';

/** `compact plan`. */
export async function plan(values: PlanValues, output: Output): Promise<undefined> {
  refuseUnfinished(values);
  const model = chooseModel(values);
  const sequenceLength = chooseSequenceLength(values.seq, model.config);
  if (values.compare) {
    await comparePlans(values, model, sequenceLength, output);
    return undefined;
  }
  const chosen = await choosePlan(values, model.config);
  const prediction = await predictPlan(chosen, values, model, sequenceLength);
  await refuseOverBudget(prediction, values, model, sequenceLength);
  const { peak, byRole } = prediction.memory;
  output.say(overviewLines(model.name, countParameters(model.config), chosen.methods, values, sequenceLength));
  output.say(roleTable(prediction, output.colors));
  output.say(blockLines(prediction.atPeak));
  output.say(slotLines(prediction.slots));
  output.result({
    peak,
    byRole,
    flops: prediction.flops,
    plan: chosen,
    savedPeak: prediction.memory.peakByRole.saved,
    persistentBytes: prediction.persistentBytes,
    arenaBytes: prediction.arenaBytes,
    atPeak: prediction.atPeak.slice(0, 24),
    slots: prediction.slots,
  });
  return undefined;
}

function predictPlan(
  chosen: MemoryPlan,
  values: PlanValues,
  { config }: ModelChoice,
  sequenceLength: number,
): Promise<Prediction> {
  const { batch, accumulate, clip, seed } = values;
  // Memory and flops do not depend on these.
  const optimizer = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, epsilonForm: 'standard', weightDecay: 0 } as const;
  return predict({
    config,
    plan: chosen,
    batch,
    accumulate,
    sequenceLength,
    threads: threadsOf(values),
    optimizer,
    clip,
    seed,
  });
}

async function comparePlans(
  values: PlanValues,
  model: ModelChoice,
  sequenceLength: number,
  output: Output,
): Promise<void> {
  if (values.method || values.plan) {
    throw new InputError('--compare shows all methods', 'leave out --method and --plan, or --compare');
  }
  const planned = await predictAll(values, model, sequenceLength);
  output.say(overviewLines(model.name, countParameters(model.config), [], values, sequenceLength));
  output.say(comparisonTable(planned, values.memory, output.colors));
  output.result({
    rows: planned.map(({ name, plan: document, prediction: { memory, flops } }) => ({
      method: name,
      peak: memory.peak,
      byRole: memory.byRole,
      savedPeak: memory.peakByRole.saved,
      flops,
      ...(values.memory !== undefined && { fits: memory.peak <= values.memory }),
      plan: document,
    })),
  });
}

/** Every method by itself, and those that go well together. */
async function predictAll(
  values: PlanValues,
  model: ModelChoice,
  sequenceLength: number,
): Promise<readonly PlannedMethod[]> {
  const combinations = [...Object.keys(methods), 'compact,checkpoint', 'compact-shared,checkpoint'];
  const planned: PlannedMethod[] = [];
  for (const name of combinations) {
    const names = name.split(',');
    const document = planAmongOthers(names, values, model.config);
    // A fused update cannot do what needs all gradients at once.
    if (document.update === 'fused' && (values.accumulate > 1 || values.clip !== undefined)) continue;
    planned.push({ name, plan: document, prediction: await predictPlan(document, values, model, sequenceLength) });
  }
  return planned;
}

async function refuseOverBudget(
  { memory }: Prediction,
  values: PlanValues,
  model: ModelChoice,
  sequenceLength: number,
): Promise<void> {
  const budget = values.memory;
  if (budget === undefined || memory.peak <= budget) return;
  const planned = await predictAll(values, model, sequenceLength);
  const fitting = planned.filter(({ prediction }) => prediction.memory.peak <= budget);
  const least = planned.reduce((a, b) => (b.prediction.memory.peak < a.prediction.memory.peak ? b : a));
  throw new InputError(
    `the plan needs ${formatBytes(memory.peak)}, the budget is ${formatBytes(budget)}`,
    fitting.length > 0
      ? `these fit: ${fitting.map(({ name }) => `--method ${name}`).join(', ')}`
      : `the least is --method ${least.name} with ${formatBytes(least.prediction.memory.peak)}: lower --batch or --seq, or raise --memory`,
  );
}

import { CompactError, InputError } from '../../engine/index.js';
import {
  dominatedChoices,
  formPrices,
  keepingEverything,
  type MemoryPlan,
  methods,
  type Prediction,
  type PredictionRequest,
  Pricer,
  predict,
  stepSeconds,
} from '../../plan/index.js';
import { formatBytes } from '../../report/index.js';
import type { PlanValues } from '../command-options.js';
import { fitToMemory } from '../fit-to-memory.js';
import { ratesFor } from '../kernel-rates.js';
import { chooseModel, chooseSequenceLength, countParameters, type ModelChoice } from '../model-choice.js';
import type { Output } from '../output.js';
import { choosePlan, planAmongOthers } from '../plan-choice.js';
import {
  blockLines,
  comparisonTable,
  fittedLine,
  frontOf,
  offloadLine,
  overviewLines,
  type PlannedMethod,
  priceLines,
  roleTable,
  slotLines,
  timeLine,
} from '../plan-tables.js';
import { threadsOf } from '../threads.js';

/** `compact plan`. */
export async function plan(values: PlanValues, output: Output): Promise<undefined> {
  const model = chooseModel(values);
  const sequenceLength = chooseSequenceLength(values.seq, model.config);
  if (values.compare) {
    await comparePlans(values, model, sequenceLength, output);
    return undefined;
  }
  const request = await requestOf(values, model, sequenceLength);
  const fitted = await fitToMemory(values, request);
  const settled = fitted?.request ?? request;
  const prediction = fitted?.prediction ?? (await predict(request));
  if (!fitted) await refuseOverBudget(prediction, values, model, sequenceLength);
  const rates = await ratesFor(values, settled.threads);
  const seconds = stepSeconds(prediction, rates);
  const prices = await formPrices({ ...settled, plan: keepingEverything(settled.plan) }, rates, ['bf16']);
  const { peak, byRole } = prediction.memory;
  const { methods: names } = settled.plan;
  output.say(overviewLines(model.name, countParameters(model.config), names, settled, sequenceLength));
  if (fitted) output.say(fittedLine(fitted));
  output.say(roleTable(prediction, output.colors));
  output.say(timeLine(seconds, rates.machine));
  if (prediction.movedBytes > 0) output.say(offloadLine(prediction));
  output.say(blockLines(prediction.atPeak));
  output.say(slotLines(prediction.slots));
  output.say(priceLines(prices));
  const notes = dominatedChoices(settled.plan, prediction.slots, settled.batch * sequenceLength);
  for (const note of notes) output.say(`\nnote: ${note}`);
  output.result({
    peak,
    byRole,
    flops: prediction.flops,
    plan: settled.plan,
    batch: settled.batch,
    accumulate: settled.accumulate,
    seconds,
    rates: rates.machine,
    savedPeak: prediction.memory.peakByRole.saved,
    persistentBytes: prediction.persistentBytes,
    arenaBytes: prediction.arenaBytes,
    offloadBytes: prediction.offloadBytes,
    movedBytes: prediction.movedBytes,
    atPeak: prediction.atPeak.slice(0, 24),
    slots: prediction.slots,
    prices,
    notes,
  });
  return undefined;
}

async function requestOf(values: PlanValues, model: ModelChoice, sequenceLength: number): Promise<PredictionRequest> {
  return requestFor(await choosePlan(values, model.config), values, model, sequenceLength);
}

function requestFor(
  chosen: MemoryPlan,
  values: PlanValues,
  { config }: ModelChoice,
  sequenceLength: number,
): PredictionRequest {
  const { batch, accumulate, clip, seed } = values;
  // Memory and flops do not depend on these.
  const optimizer = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, epsilonForm: 'standard', weightDecay: 0 } as const;
  const threads = threadsOf(values);
  return { config, plan: chosen, batch, accumulate, sequenceLength, threads, optimizer, clip, seed };
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
  const front = frontOf(planned);
  output.result({
    rows: planned.map(({ name, plan: document, seconds, prediction: { memory, flops } }) => ({
      method: name,
      peak: memory.peak,
      byRole: memory.byRole,
      savedPeak: memory.peakByRole.saved,
      flops,
      seconds,
      onFront: front.includes(name),
      ...(values.memory !== undefined && { fits: memory.peak <= values.memory }),
      plan: document,
    })),
  });
}

/** Every method by itself, and those that go well together, as far as they suit the model, the step and the options. */
async function* plansOf(
  values: PlanValues,
  model: ModelChoice,
  sequenceLength: number,
): AsyncGenerator<{ readonly name: string; readonly request: PredictionRequest }> {
  for (const name of [...Object.keys(methods), 'compact,checkpoint', 'compact-shared,checkpoint']) {
    const document = await unlessRefused(() => planAmongOthers(name.split(','), values, model.config));
    if (!document) continue;
    // A fused update cannot do what needs all gradients at once.
    if (document.update === 'fused' && (values.accumulate > 1 || values.clip !== undefined)) continue;
    // A norm with a β cannot become part of the next weights.
    if (model.config.modelType !== 'llama' && document.slots.some(({ form }) => form === 'shared-norm')) continue;
    yield { name, request: requestFor(document, values, model, sequenceLength) };
  }
}

/** Undefined for what is refused, where nobody asked for it by itself. */
async function unlessRefused<T>(make: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await make();
  } catch (error) {
    if (error instanceof CompactError) return undefined;
    throw error;
  }
}

async function predictAll(
  values: PlanValues,
  model: ModelChoice,
  sequenceLength: number,
): Promise<readonly PlannedMethod[]> {
  const rates = await ratesFor(values, threadsOf(values));
  const planned: PlannedMethod[] = [];
  for await (const { name, request } of plansOf(values, model, sequenceLength)) {
    const prediction = await unlessRefused(() => predict(request));
    if (!prediction) continue;
    planned.push({ name, plan: request.plan, prediction, seconds: stepSeconds(prediction, rates) });
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
  const pricer = new Pricer(await ratesFor(values, threadsOf(values)));
  const priced: { readonly name: string; readonly peak: number }[] = [];
  for await (const { name, request } of plansOf(values, model, sequenceLength)) {
    const price = await unlessRefused(() => pricer.price(request));
    if (price) priced.push({ name, peak: price.peak });
  }
  const fitting = priced.filter(({ peak }) => peak <= budget);
  const [least] = priced.toSorted((a, b) => a.peak - b.peak);
  throw new InputError(
    `the plan needs ${formatBytes(memory.peak)}, the budget is ${formatBytes(budget)}`,
    fitting.length > 0
      ? `these fit: ${fitting.map(({ name }) => `--method ${name}`).join(', ')}`
      : `the least is --method ${least.name} with ${formatBytes(least.peak)}: lower --batch or --seq, or raise --memory`,
  );
}

/**
 * @module plan
 * Memory plans: recipes of methods, the training step a plan describes, its prediction and static layout.
 */
export { type FormPrice, formPrices } from './budget/block-patterns.js';
export { type FitOptions, type FittedPlan, fitPlan } from './budget/fit-plan.js';
export { paretoFront } from './budget/frontier.js';
export { type Allowance, allowances, keepingEverything } from './budget/variants.js';
export { calibrate } from './cost/calibrate.js';
export { Pricer, priceStep } from './cost/price-step.js';
export { type KernelRates, kernelRatesSchema, stepSeconds, usualOffloadBandwidth, workSeconds } from './cost/rates.js';
export { recordedRates } from './cost/recorded.js';
export { type TimedCall, timeCalls } from './cost/timed-calls.js';
export type { Work } from './cost/work.js';
export { dominatedChoices } from './dominated.js';
export { type DryRun, dryRun, type PredictionRequest, planStep } from './dry-run.js';
export { formOptionOwners } from './form-methods.js';
export {
  countPredicted,
  evaluateBatch,
  type HostBatch,
  type SequenceScorer,
  scoreBatch,
  shapeKey,
  usualBatch,
} from './host-batch.js';
export { bestFitBytes, type PackedLayout, packLayout } from './layout.js';
export { type AdapterPlan, type MemoryPlan, parsePlan, type SketchPlan } from './memory-plan.js';
export { optimizerOptionOwners } from './optimizer-recipe.js';
export { matches } from './pattern.js';
export { createPlannedModel } from './planned-model.js';
export { type PeakBlock, type Prediction, predict } from './predict.js';
export { type MethodName, makePlan, methods, parseMethods, type RecipeOptions } from './recipes.js';
export { type ResolvedPlan, resolvePlan } from './resolve.js';
export { type SaveMode, saveModes } from './save-modes.js';
export { updateSize } from './subspace-methods.js';
export { type OffloadOptions, type ProgramOptions, type StepResult, TrainingProgram } from './training-program.js';

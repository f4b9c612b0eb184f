/**
 * @module optim
 * Updates of parameters: kinds of optimizer state on dense and on compressed gradients, clipping, learning-rate schedules.
 */
export { clipFactor } from './clip.js';
export type { Direction, GradientSpace, WeightStep } from './direction.js';
export { adafactorDefaults } from './directions/adafactor.js';
export { adam8bitDefaults } from './directions/adam-8bit.js';
export { muonDefaults } from './directions/muon.js';
export type { Expander } from './expander.js';
export { Optimizer, type OptimizerOptions, type UpdateRule } from './optimizer.js';
export type { ParameterUpdater, UpdateTarget } from './parameter-updater.js';
export { learningRateAt, type Schedule, type ScheduleName, scheduleNames } from './schedule.js';
export type { AdamWSettings, StepContext } from './settings.js';
export { type DirectionSpec, type UpdateSpec, updateSchema } from './update-spec.js';

/**
 * @module optim
 * AdamW on dense and on compressed gradients, clipping, learning-rate schedules.
 */
export { AdamW, type AdamWSettings, type StepContext, type UpdateRule } from './adamw.js';
export { clipFactor } from './clip.js';
export { learningRateAt, type Schedule, type ScheduleName, scheduleNames } from './schedule.js';

/**
 * @module train
 * The trainer: an async iterator of step reports, with checkpoints that survive a kill and resume to the same bits.
 */
export { checkpointedChoice, hasCheckpoint, settleCheckpoint } from './checkpoint.js';
export { type Evaluation, meanLoss } from './evaluate.js';
export { type FineTuneOptions, type FineTuneReport, fineTune } from './fine-tune.js';
export { availableBytes, resetResidentPeak, residentBytes, residentPeak } from './resident-memory.js';
export { type Score, ScoreBoard } from './score-board.js';
export type { TrainingSettings } from './settings.js';
export type { StepReport } from './step-report.js';
export { NonFiniteLossError, Trainer, type TrainerOptions, type TrainingData } from './trainer.js';

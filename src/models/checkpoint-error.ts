import { CompactError } from '../engine/errors.js';

/** A checkpoint is missing, truncated or inconsistent. The message names the file, and the tensor where one is concerned. */
export class CheckpointError extends CompactError {
  constructor(message: string, hint?: string, cause?: unknown) {
    super(message, { code: 'CHECKPOINT', hint, cause });
  }
}

import { CompactError } from '../engine/index.js';

/** A plan that cannot be carried out, or that would give wrong gradients. */
export class PlanError extends CompactError {
  constructor(message: string, hint?: string) {
    super(message, { code: 'PLAN', hint });
  }
}

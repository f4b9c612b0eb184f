import type { SquaredErrorArgs } from '../contract/squared-error.js';
import type { ReferenceMemory } from './memory.js';

/** loss += scale·Σ (p − t)²; dp = 2·scale·(p − t). */
export function squaredError(memory: ReferenceMemory, args: SquaredErrorArgs): void {
  const predictions = memory.floats(args.predictions);
  const targets = memory.floats(args.targets);
  const loss = memory.floats(args.loss);
  const gradient = memory.optionalFloats(args.dPredictions);
  for (let i = 0; i < predictions.length; i++) {
    const difference = predictions[i] - targets[i];
    loss[0] += args.scale * difference * difference;
    if (gradient) gradient[i] = 2 * args.scale * difference;
  }
}

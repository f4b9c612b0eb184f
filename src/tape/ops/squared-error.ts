import type { Tape } from '../tape.js';
import type { Value } from '../value.js';
import type { LossTarget } from './cross-entropy.js';

/**
 * Squared error of predictions against numbers, the loss of a regression. Its gradient is formed in forward, where the scale
 * is known; nothing is kept.
 *
 * @param predictions [B, 1]
 */
export function squaredError(tape: Tape, predictions: Value, { targets, loss, scale }: LossTarget): void {
  const { engine } = tape;
  const dPredictions = predictions.requiresGradient
    ? tape.allocate(`${predictions.name}.gradient`, predictions)
    : undefined;
  engine.run('squaredError', {
    predictions: predictions.tensor,
    targets,
    loss,
    scale,
    ...(dPredictions && { dPredictions }),
  });
  if (!dPredictions) return;
  tape.passGradient(predictions, dPredictions);
  tape.record(
    [{ release: () => predictions.gradient && engine.release(tape.takeGradient(predictions)) }],
    [],
    () => {},
  );
}

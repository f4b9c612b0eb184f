import { InputError } from '../engine/index.js';
import type { HostBatch } from '../plan/index.js';

/** Mean cross-entropy per predicted token (natural log), its exponential, and the number of predicted tokens. */
export interface Evaluation {
  readonly loss: number;
  readonly perplexity: number;
  readonly tokens: number;
}

/**
 * Mean loss over batches of any shape; every predicted token weighs alike, whatever batch or document it came in.
 *
 * @param sumOf summed loss and number of predicted tokens of a batch
 */
export async function meanLoss(
  batches: AsyncIterable<HostBatch> | Iterable<HostBatch>,
  sumOf: (batch: HostBatch) => Promise<{ readonly loss: number; readonly tokens: number }>,
): Promise<Evaluation> {
  let loss = 0;
  let tokens = 0;
  for await (const batch of batches) {
    const sum = await sumOf(batch);
    loss += sum.loss;
    tokens += sum.tokens;
    // Ops block the event loop; between batches timers, signals and progress get their turn.
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (tokens === 0) throw new InputError('nothing to evaluate: the data holds no predicted token');
  return { loss: loss / tokens, perplexity: Math.exp(loss / tokens), tokens };
}

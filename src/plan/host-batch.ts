import type { Engine, Tensor } from '../engine/index.js';
import type { TokenBatch, TrainableModel } from '../models/index.js';
import { Tape } from '../tape/index.js';
import { usualLossChunk } from './memory-plan.js';

/**
 * Token ids of B sequences, filled up to T tokens, and what is to be predicted: what one micro-batch is made of. T may be
 * another one in each batch.
 */
export interface HostBatch {
  /** [B·T]. */
  readonly inputs: Int32Array;
  /**
   * What the loss compares with: token ids [B·T] (or [P], with `predicted`), classes [B], or numbers [B] for a regression.
   * −100 takes no part in the loss.
   */
  readonly targets: Int32Array | Float32Array;
  readonly batch: number;
  readonly sequenceLength: number;
}

/** Batch of which only the shape counts: token ids 0, every token predicted. */
export function emptyBatch(batch: number, sequenceLength: number): HostBatch {
  const tokens = batch * sequenceLength;
  return { inputs: new Int32Array(tokens), targets: new Int32Array(tokens), batch, sequenceLength };
}

/** Names everything that the memory of a batch depends on. */
export function shapeKey(host: HostBatch): string {
  const { batch, sequenceLength, targets } = host;
  return [batch, sequenceLength, targets.length].join(' ');
}

/** Targets that the loss of this batch is a sum over. */
export function countPredicted({ targets }: HostBatch): number {
  if (targets instanceof Float32Array) return targets.length;
  return targets.reduce((count, target) => (target >= 0 ? count + 1 : count), 0);
}

/** The batch as tensors, valid during `body`. */
export function withTokens<T>(engine: Engine, host: HostBatch, body: (tokens: TokenBatch, targets: Tensor) => T): T {
  const uploaded: Tensor[] = [];
  const upload = (name: string, values: Int32Array | Float32Array) => {
    const dtype = values instanceof Int32Array ? 'i32' : 'f32';
    const tensor = engine.allocate({ shape: [values.length], dtype, role: 'data', name });
    engine.write(tensor, values);
    uploaded.push(tensor);
    return tensor;
  };
  const { batch, sequenceLength } = host;
  const tokens = { ids: upload('batch.inputs', host.inputs), batch, sequenceLength };
  const result = body(tokens, upload('batch.targets', host.targets));
  for (const tensor of uploaded) engine.release(tensor);
  return result;
}

/** A loss accumulator [1] that starts from zero. */
export function zeroLoss(engine: Engine): Tensor {
  const loss = engine.allocate({ shape: [1], role: 'workspace', name: 'loss' });
  engine.run('fill', { out: loss, value: 0 });
  return loss;
}

/** The value of a tensor [1], which is released. */
export async function takeScalar(engine: Engine, scalar: Tensor): Promise<number> {
  const [value] = await engine.read(scalar);
  engine.release(scalar);
  return value;
}

/** Summed loss of the predictions, and their number. Keeps, sketches and changes nothing. */
export async function evaluateBatch(
  engine: Engine,
  model: TrainableModel,
  host: HostBatch,
): Promise<{ readonly loss: number; readonly tokens: number }> {
  const loss = zeroLoss(engine);
  withTokens(engine, host, (tokens, targets) => {
    const target = { targets, loss, scale: 1 };
    model.loss(new Tape(engine), tokens, target, { form: 'fused', chunk: usualLossChunk });
  });
  return { loss: await takeScalar(engine, loss), tokens: countPredicted(host) };
}

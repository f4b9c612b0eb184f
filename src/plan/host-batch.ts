import type { Engine, Tensor } from '../engine/index.js';
import type { LanguageModel } from '../models/index.js';
import { Tape } from '../tape/index.js';
import { usualLossChunk } from './memory-plan.js';

/** Token ids of B sequences of T tokens and the tokens that follow each: what one micro-batch is made of. */
export interface HostBatch {
  /** [B·T]. */
  readonly inputs: Int32Array;
  /** [B·T]; −100 takes no part in the loss. */
  readonly targets: Int32Array;
  readonly batch: number;
  readonly sequenceLength: number;
}

/** Tokens that the loss of this batch is a sum over. */
export function countPredicted({ targets }: HostBatch): number {
  return targets.reduce((count, target) => (target >= 0 ? count + 1 : count), 0);
}

/** The batch as tensors, valid during `body`. */
export function withTokens<T>(engine: Engine, host: HostBatch, body: (ids: Tensor, targets: Tensor) => T): T {
  const upload = (name: string, values: Int32Array) => {
    const tensor = engine.allocate({ shape: [values.length], dtype: 'i32', role: 'data', name });
    engine.write(tensor, values);
    return tensor;
  };
  const ids = upload('batch.inputs', host.inputs);
  const targets = upload('batch.targets', host.targets);
  const result = body(ids, targets);
  engine.release(ids);
  engine.release(targets);
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

/** Summed loss of the predicted tokens, and their number. Keeps, sketches and changes nothing. */
export async function evaluateBatch(
  engine: Engine,
  model: LanguageModel,
  host: HostBatch,
): Promise<{ readonly loss: number; readonly tokens: number }> {
  const loss = zeroLoss(engine);
  withTokens(engine, host, (ids, targets) => {
    const target = { targets, loss, scale: 1 };
    model.loss(new Tape(engine), { ...host, ids }, target, { form: 'fused', chunk: usualLossChunk });
  });
  return { loss: await takeScalar(engine, loss), tokens: countPredicted(host) };
}

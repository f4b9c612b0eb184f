import { predictedPerSequence } from '../data/index.js';
import type { Engine, Tensor } from '../engine/index.js';
import {
  type DropoutKeys,
  isEncoder,
  type ModelConfig,
  type TokenBatch,
  type TrainableModel,
} from '../models/index.js';
import { Tape, type Value } from '../tape/index.js';
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
  /** [B]: tokens of each row, at least 1; the rest is filling that nothing attends to. Left out: all rows are full. */
  readonly lengths?: Int32Array;
  /** [B·T]: number of the document that a token is of, in rows of several; tokens attend to their own document only. */
  readonly documents?: Int32Array;
  /** [B·T]: segment of each token (BERT's pairs); left out: all are of the first. */
  readonly tokenTypes?: Int32Array;
  /** [P]: numbers of the tokens that are predicted (row·T + place); left out: `targets` has one for every token. */
  readonly predicted?: Int32Array;
}

/**
 * A batch of which only the shape counts: what a model is usually trained on. Every token predicted; for an encoder the masked
 * ones, or one class or number per padded row.
 */
export function usualBatch(config: ModelConfig, batch: number, sequenceLength: number): HostBatch {
  const inputs = new Int32Array(batch * sequenceLength);
  const shape = { inputs, batch, sequenceLength };
  if (!isEncoder(config)) return { ...shape, targets: new Int32Array(inputs.length) };
  if (config.head === 'masked-lm') {
    const count = batch * predictedPerSequence(sequenceLength);
    return { ...shape, targets: new Int32Array(count), predicted: new Int32Array(count) };
  }
  const targets = config.head === 'regression' ? new Float32Array(batch) : new Int32Array(batch);
  const tokenTypes = config.typeVocabSize > 1 ? { tokenTypes: new Int32Array(inputs.length) } : {};
  return { ...shape, targets, lengths: new Int32Array(batch).fill(sequenceLength), ...tokenTypes };
}

/** Names everything that the memory of a batch depends on. */
export function shapeKey(host: HostBatch): string {
  const { batch, sequenceLength, targets, predicted } = host;
  const masked = host.lengths || host.documents ? 'masked' : '';
  return [batch, sequenceLength, targets.length, predicted?.length, masked, host.tokenTypes?.length].join(' ');
}

/** Targets that the loss of this batch is a sum over. */
export function countPredicted({ targets }: HostBatch): number {
  if (targets instanceof Float32Array) return targets.length;
  let count = 0;
  for (let i = 0; i < targets.length; i++) if (targets[i] >= 0) count += 1;
  return count;
}

/** The batch as tensors, valid during `body`. */
export function withTokens<T>(
  engine: Engine,
  host: HostBatch,
  body: (tokens: TokenBatch, targets: Tensor) => T,
  dropout?: DropoutKeys,
): T {
  const uploaded: Tensor[] = [];
  const upload = (name: string, values: Int32Array | Float32Array, shape: readonly number[] = [values.length]) => {
    const dtype = values instanceof Int32Array ? 'i32' : 'f32';
    const tensor = engine.allocate({ shape, dtype, role: 'data', name });
    engine.write(tensor, values);
    uploaded.push(tensor);
    return tensor;
  };
  const { batch, sequenceLength, tokenTypes, predicted } = host;
  const ranges = keyRanges(host);
  const places =
    host.documents && ranges?.map((from, i) => ((i >> 1) % sequenceLength) - from).filter((_, i) => i % 2 === 0);
  const tokens = {
    ids: upload('batch.inputs', host.inputs),
    batch,
    sequenceLength,
    ...(ranges && { keyRanges: upload('batch.key_ranges', ranges, [batch * sequenceLength, 2]) }),
    ...(places && { places }),
    ...(tokenTypes && { tokenTypes: upload('batch.token_types', tokenTypes) }),
    ...(predicted && { predicted: upload('batch.predicted', predicted) }),
    ...(dropout && { dropout }),
  };
  const result = body(tokens, upload('batch.targets', host.targets));
  for (const tensor of uploaded) engine.release(tensor);
  return result;
}

/** [B·T, 2]: places of its row that each token may attend to, from and up to; undefined where that is the whole row. */
function keyRanges({ batch, sequenceLength, lengths, documents }: HostBatch): Int32Array | undefined {
  if (!lengths && !documents) return undefined;
  const ranges = new Int32Array(2 * batch * sequenceLength);
  for (let row = 0; row < batch; row++) {
    let start = 0;
    for (let place = 0; place < sequenceLength; place++) {
      const token = row * sequenceLength + place;
      if (documents && place > 0 && documents[token] !== documents[token - 1]) start = place;
      ranges[2 * token] = start;
    }
    let end = lengths?.[row] ?? sequenceLength;
    for (let place = sequenceLength - 1; place >= 0; place--) {
      const token = row * sequenceLength + place;
      if (documents && place + 1 < sequenceLength && documents[token] !== documents[token + 1]) end = place + 1;
      ranges[2 * token + 1] = end;
    }
  }
  return ranges;
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

/** A model that says something of each sequence as a whole. */
export interface SequenceScorer {
  /** [B, labels]. */
  scores(tape: Tape, tokens: TokenBatch): Value;
}

/** What a model says of each sequence, [B, labels] row by row. Keeps and changes nothing. */
export async function scoreBatch(engine: Engine, model: SequenceScorer, host: HostBatch): Promise<Float32Array> {
  const scores = withTokens(engine, host, (tokens) => {
    const tape = new Tape(engine);
    const value = model.scores(tape, tokens);
    const kept = engine.retain(value.tensor);
    tape.release(value);
    return kept;
  });
  const values = Float32Array.from(await engine.read(scores));
  engine.release(scores);
  return values;
}

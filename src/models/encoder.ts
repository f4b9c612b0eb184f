import { type Engine, type FloatType, InputError, type Tensor } from '../engine/index.js';
import {
  add,
  attention,
  crossEntropy,
  gatherRows,
  gelu,
  type LossTarget,
  layerNorm,
  linear,
  type Parameter,
  squaredError,
  type Tape,
  tanh,
  type Value,
} from '../tape/index.js';
import { biasedLinear, drop, endBranch, lookUp, projectHeads } from './biased-layers.js';
import { drawDropout } from './dropout-keys.js';
import type { EncoderConfig } from './encoder-config.js';
import { encoderFiles } from './encoder-files.js';
import { encoderShapes, hasPooler } from './encoder-shapes.js';
import type { FileFormat } from './file-format.js';
import { headLoss } from './language-head.js';
import { sinusoids } from './sinusoids.js';
import { sketchableLinears } from './sketchable-linears.js';
import type { LossForm, SketchableLinear, TokenBatch, TrainableModel } from './trainable-model.js';
import { WeightTable } from './weight-table.js';

/**
 * BERT and RoBERTa: post-norm blocks of attention in both directions, LayerNorm, GELU, learned positions, with a head for
 * masked language modelling, classes or a regression.
 */
export class Encoder implements TrainableModel {
  readonly config: EncoderConfig;
  readonly parameters: readonly Parameter[];
  readonly files: FileFormat;
  readonly #engine: Engine;
  readonly #weights: WeightTable;

  /** Allocates the weights, with undefined contents: call `initialize`, or write them. */
  constructor(engine: Engine, config: EncoderConfig, dtype: FloatType = 'f32') {
    this.config = config;
    this.#engine = engine;
    this.#weights = new WeightTable(engine, encoderShapes(config), dtype);
    this.parameters = this.#weights.all;
    this.files = encoderFiles(config);
  }

  /** LayerNorm has a β, which no linear layer takes up. */
  readonly mergeableNorms = [];

  get sketchableLinears(): readonly SketchableLinear[] {
    return sketchableLinears(encoderShapes(this.config), this.config.numHiddenLayers);
  }

  /**
   * N(0, initializerRange²), but positions are waves of the same mean square: with random ones an encoder that is not trained for
   * very long learns nothing of its tokens' order (docs/results/encoder-recipe.md).
   */
  initialize(seed: number): void {
    const { initializerRange, maxPositionEmbeddings, hiddenSize } = this.config;
    this.#weights.initialize(seed, () => initializerRange);
    const positions = sinusoids(maxPositionEmbeddings, hiddenSize, Math.SQRT2 * initializerRange);
    this.#engine.write(this.#weights.get('model.embed_positions.weight').tensor, positions);
  }

  loss(tape: Tape, tokens: TokenBatch, target: LossTarget, form: LossForm): void {
    const { head } = this.config;
    if (head === 'none') throw new InputError('the encoder has no head to train', 'give it one: a task, or masked-lm');
    if (head === 'masked-lm') {
      this.#maskedLoss(tape, tokens, target, form);
      return;
    }
    const logits = this.scores(tape, tokens);
    if (head === 'regression') squaredError(tape, logits, target);
    else crossEntropy(tape, 'head', logits, target);
    tape.release(logits);
  }

  /**
   * What the classifier says of each sequence, [B, labels], in f32: in bf16 scores of 4 would differ by 1/64 at least.
   *
   * @throws InputError if the head is not one for sequences
   */
  scores(tape: Tape, tokens: TokenBatch): Value {
    const { modelType, head } = this.config;
    if (head !== 'classification' && head !== 'regression') throw new InputError(`a head ${head} gives no scores`);
    const hidden = this.hiddenStates(tape, tokens);
    const first = this.#firstTokens(tape, hidden, tokens);
    tape.release(hidden);
    const pooled = modelType === 'bert' ? this.#pool(tape, first) : this.#robertaHead(tape, first, tokens);
    const dropped = drop(tape, 'head.dropout', pooled, tokens.dropout, this.config.classifierDropout);
    const { weight, bias } = this.#weights.pair('head.score');
    const scores = linear(tape, 'head.score', dropped, weight, undefined, bias, 'f32');
    tape.release(dropped);
    return scores;
  }

  /** What the pooler makes of the first token of each sequence, [B, n]. */
  pooled(tape: Tape, tokens: TokenBatch): Value {
    if (!hasPooler(this.config)) throw new InputError('the encoder has no pooler');
    const hidden = this.hiddenStates(tape, tokens);
    const first = this.#firstTokens(tape, hidden, tokens);
    tape.release(hidden);
    return this.#pool(tape, first);
  }

  /** Logits of every token for masked language modelling, [B·T, V], f32, owned by the caller. Inference only. */
  maskedLogits(tape: Tape, tokens: TokenBatch): Tensor {
    const hidden = this.#transformed(tape, this.hiddenStates(tape, tokens));
    const logits = linear(tape, 'lm_head', hidden, this.#embedding, undefined, this.#weights.get('head.bias'), 'f32');
    tape.release(hidden);
    return logits.tensor;
  }

  /** Output of the last block, [B·T, n]. */
  hiddenStates(tape: Tape, tokens: TokenBatch): Value {
    let x = this.#embed(tape, tokens);
    for (let layer = 0; layer < this.config.numHiddenLayers; layer++) x = this.#block(tape, layer, x, tokens);
    return x;
  }

  [Symbol.dispose](): void {
    this.#weights.release();
  }

  get #embedding(): Parameter {
    return this.#weights.get('model.embed_tokens.weight');
  }

  #maskedLoss(tape: Tape, tokens: TokenBatch, target: LossTarget, form: LossForm): void {
    const all = this.hiddenStates(tape, tokens);
    const rows = tokens.predicted ? this.#rows(tape, 'head.predicted', all, tokens.predicted) : all;
    if (rows !== all) tape.release(all);
    const hidden = this.#transformed(tape, rows);
    const bias = this.#weights.get('head.bias');
    headLoss(tape, hidden, this.#embedding, target, form, bias);
  }

  /** The layer between hidden states and the token embedding. Takes over its input. */
  #transformed(tape: Tape, rows: Value): Value {
    const { weight, bias } = this.#weights.pair('head.dense');
    const dense = linear(tape, 'head.dense', rows, weight, undefined, bias);
    tape.release(rows);
    const activated = gelu(
      tape,
      'head.dense_output',
      dense,
      this.config.modelType === 'roberta' ? 'exact' : this.config.gelu,
    );
    tape.release(dense);
    const hidden = layerNorm(tape, 'head.norm', activated, this.#weights.pair('head.norm'), this.config.layerNormEps);
    tape.release(activated);
    return hidden;
  }

  #pool(tape: Tape, first: Value): Value {
    const { weight, bias } = this.#weights.pair('model.pooler');
    const dense = linear(tape, 'pooler', first, weight, undefined, bias);
    tape.release(first);
    return tanh(tape, 'pooler.tanh', dense);
  }

  #robertaHead(tape: Tape, first: Value, tokens: TokenBatch): Value {
    const dropped = drop(tape, 'head.input_dropout', first, tokens.dropout, this.config.classifierDropout);
    const { weight, bias } = this.#weights.pair('head.dense');
    const dense = linear(tape, 'head.dense', dropped, weight, undefined, bias);
    tape.release(dropped);
    return tanh(tape, 'head.tanh', dense);
  }

  /** Hidden states of the first token of each sequence, [B, n]. */
  #firstTokens(tape: Tape, hidden: Value, { batch, sequenceLength }: TokenBatch): Value {
    const ids = this.#integers(
      'first_tokens',
      Int32Array.from({ length: batch }, (_, row) => row * sequenceLength),
    );
    const first = this.#rows(tape, 'head.first', hidden, ids);
    this.#engine.release(ids);
    return first;
  }

  #rows(tape: Tape, slot: string, x: Value, ids: Tensor): Value {
    const numbers = tape.input(`${slot}.ids`, this.#engine.retain(ids));
    const rows = gatherRows(tape, slot, x, numbers);
    tape.release(numbers);
    return rows;
  }

  #embed(tape: Tape, tokens: TokenBatch): Value {
    const { batch, sequenceLength } = tokens;
    const rows = batch * sequenceLength;
    const first = this.config.modelType === 'roberta' ? this.config.padTokenId + 1 : 0;
    const positions = this.#integers(
      'positions',
      Int32Array.from({ length: rows }, (_, i) => first + (tokens.places?.[i] ?? i % sequenceLength)),
    );
    const types = tokens.tokenTypes
      ? this.#engine.retain(tokens.tokenTypes)
      : this.#integers('types', new Int32Array(rows));
    const parts = [
      lookUp(tape, this.#weights, 'embed_tokens', this.#engine.retain(tokens.ids)),
      lookUp(tape, this.#weights, 'embed_positions', positions),
      lookUp(tape, this.#weights, 'embed_types', types),
    ] as const;
    const withPositions = add(tape, 'embed_sum', parts[0], parts[1]);
    const sum = add(tape, 'embed_sum', withPositions, parts[2]);
    tape.release(parts[1], parts[2]);
    const normed = layerNorm(tape, 'embed_norm', sum, this.#weights.pair('model.embed_norm'), this.config.layerNormEps);
    tape.release(sum);
    return drop(tape, 'embed_dropout', normed, tokens.dropout, this.config.hiddenDropout);
  }

  #integers(name: string, values: Int32Array): Tensor {
    const tensor = this.#engine.allocate({ shape: [values.length], dtype: 'i32', role: 'data', name });
    this.#engine.write(tensor, values);
    return tensor;
  }

  #block(tape: Tape, layer: number, x: Value, tokens: TokenBatch): Value {
    const at = `layers.${layer}`;
    const { layerNormEps, hiddenDropout: probability } = this.config;
    const ends = { keys: tokens.dropout, probability };
    const context = this.#attention(tape, `${at}.self_attn`, x, tokens);
    const attentionEnd = { ...ends, at: `${at}.self_attn`, name: 'o_proj', residual: x } as const;
    const attended = endBranch(tape, this.#weights, context, attentionEnd);
    tape.release(x);
    const norm = this.#weights.pair(`model.${at}.post_attention_layernorm`);
    const h = layerNorm(tape, `${at}.post_attention_layernorm`, attended, norm, layerNormEps);
    tape.release(attended);
    const up = biasedLinear(tape, this.#weights, `${at}.mlp.up_proj`, h);
    const activated = gelu(tape, `${at}.mlp.up`, up, this.config.gelu);
    tape.release(up);
    const mlpEnd = { ...ends, at: `${at}.mlp`, name: 'down_proj', residual: h } as const;
    const sum = endBranch(tape, this.#weights, activated, mlpEnd);
    tape.release(h);
    const outputNorm = this.#weights.pair(`model.${at}.output_layernorm`);
    const out = layerNorm(tape, `${at}.output_layernorm`, sum, outputNorm, layerNormEps);
    tape.release(sum);
    return out;
  }

  #attention(tape: Tape, at: string, x: Value, { batch, keyRanges, dropout: keys }: TokenBatch): Value {
    const [query, key, value] = projectHeads(tape, this.#weights, at, x);
    const heads = this.config.numAttentionHeads;
    const dropout = drawDropout(keys, this.config.attentionDropout);
    const options = { batch, heads, keyValueHeads: heads, causal: false, keyRanges, dropout };
    const context = attention(tape, at, query, key, value, options);
    tape.release(query, key, value);
    return context;
  }
}

import { type Engine, InputError, type Tensor } from '../engine/index.js';
import {
  add,
  attention,
  crossEntropy,
  dropout,
  embedding,
  fusedLinearCrossEntropy,
  gatherRows,
  gelu,
  type LossTarget,
  layerNorm,
  linear,
  linearCrossEntropy,
  type Parameter,
  squaredError,
  type Tape,
  tanh,
  type Value,
} from '../tape/index.js';
import type { EncoderConfig } from './encoder-config.js';
import { encoderFiles } from './encoder-files.js';
import { encoderShapes, hasPooler } from './encoder-shapes.js';
import type { FileFormat } from './file-format.js';
import { sinusoids } from './sinusoids.js';
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
  constructor(engine: Engine, config: EncoderConfig) {
    this.config = config;
    this.#engine = engine;
    this.#weights = new WeightTable(engine, encoderShapes(config));
    this.parameters = this.#weights.all;
    this.files = encoderFiles(config);
  }

  /** LayerNorm has a β, which no linear layer takes up. */
  readonly mergeableNorms = [];

  get sketchableLinears(): readonly SketchableLinear[] {
    const { hiddenSize, intermediateSize, numHiddenLayers } = this.config;
    return Array.from({ length: numHiddenLayers }, (_, layer) => {
      const at = `layers.${layer}`;
      const linears = [
        ['self_attn.q_proj', hiddenSize, 'self_attn'],
        ['self_attn.k_proj', hiddenSize, 'self_attn'],
        ['self_attn.v_proj', hiddenSize, 'self_attn'],
        ['mlp.up_proj', hiddenSize, 'mlp'],
        ['mlp.down_proj', intermediateSize, 'mlp.down'],
      ] as const;
      return linears.map(([name, inputSize, group]) => ({
        weight: `model.${at}.${name}.weight`,
        slot: `${at}.${name}.input`,
        inputSize,
        inputGroup: `${at}.${group}`,
      }));
    }).flat();
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
   * What the classifier says of each sequence, [B, labels].
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
    const dropped = this.#drop(tape, 'head.dropout', pooled, tokens, this.config.classifierDropout);
    const { weight, bias } = this.#weights.pair('head.score');
    const scores = linear(tape, 'head.score', dropped, weight, undefined, bias);
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

  /** Logits of every token for masked language modelling, [B·T, V], owned by the caller. Inference only. */
  maskedLogits(tape: Tape, tokens: TokenBatch): Tensor {
    const hidden = this.#transformed(tape, this.hiddenStates(tape, tokens));
    const logits = linear(tape, 'lm_head', hidden, this.#embedding, undefined, this.#weights.get('head.bias'));
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
    if (form.form === 'fused')
      fusedLinearCrossEntropy(tape, 'lm_head', hidden, this.#embedding, target, form.chunk, bias);
    else linearCrossEntropy(tape, 'lm_head', hidden, this.#embedding, target, bias);
    tape.release(hidden);
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
    const dropped = this.#drop(tape, 'head.input_dropout', first, tokens, this.config.classifierDropout);
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

  /** Dropout in training, nothing otherwise. Takes over its input. */
  #drop(tape: Tape, slot: string, x: Value, { dropout: keys }: TokenBatch, probability: number): Value {
    return keys && probability > 0 ? dropout(tape, slot, x, { probability, key: keys.next() }) : x;
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
      this.#lookUp(tape, 'embed_tokens', this.#engine.retain(tokens.ids)),
      this.#lookUp(tape, 'embed_positions', positions),
      this.#lookUp(tape, 'embed_types', types),
    ] as const;
    const withPositions = add(tape, 'embed_sum', parts[0], parts[1]);
    const sum = add(tape, 'embed_sum', withPositions, parts[2]);
    tape.release(parts[1], parts[2]);
    const normed = layerNorm(tape, 'embed_norm', sum, this.#weights.pair('model.embed_norm'), this.config.layerNormEps);
    tape.release(sum);
    return this.#drop(tape, 'embed_dropout', normed, tokens, this.config.hiddenDropout);
  }

  /** Rows of an embedding table. Takes over the ids. */
  #lookUp(tape: Tape, name: string, ids: Tensor): Value {
    const numbers = tape.input(`${name}.ids`, ids);
    const rows = embedding(tape, name, numbers, this.#weights.get(`model.${name}.weight`));
    tape.release(numbers);
    return rows;
  }

  #integers(name: string, values: Int32Array): Tensor {
    const tensor = this.#engine.allocate({ shape: [values.length], dtype: 'i32', role: 'data', name });
    this.#engine.write(tensor, values);
    return tensor;
  }

  #block(tape: Tape, layer: number, x: Value, tokens: TokenBatch): Value {
    const at = `layers.${layer}`;
    const { layerNormEps } = this.config;
    const context = this.#attention(tape, at, x, tokens);
    const attended = this.#branch(tape, `${at}.self_attn`, 'o_proj', context, x, tokens);
    tape.release(x);
    const norm = this.#weights.pair(`model.${at}.post_attention_layernorm`);
    const h = layerNorm(tape, `${at}.post_attention_layernorm`, attended, norm, layerNormEps);
    tape.release(attended);
    const { weight, bias } = this.#weights.pair(`model.${at}.mlp.up_proj`);
    const up = linear(tape, `${at}.mlp.up_proj`, h, weight, undefined, bias);
    const activated = gelu(tape, `${at}.mlp.up`, up, this.config.gelu);
    tape.release(up);
    const sum = this.#branch(tape, `${at}.mlp`, 'down_proj', activated, h, tokens);
    tape.release(h);
    const outputNorm = this.#weights.pair(`model.${at}.output_layernorm`);
    const out = layerNorm(tape, `${at}.output_layernorm`, sum, outputNorm, layerNormEps);
    tape.release(sum);
    return out;
  }

  /** residual + dropout(W·x + b), the end of both halves of a block. Takes over `x`. */
  #branch(tape: Tape, at: string, name: string, x: Value, residual: Value, { dropout: keys }: TokenBatch): Value {
    const { weight, bias } = this.#weights.pair(`model.${at}.${name}`);
    const probability = this.config.hiddenDropout;
    const drops = keys !== undefined && probability > 0;
    const out = linear(tape, `${at}.${name}`, x, weight, drops ? undefined : residual, bias);
    tape.release(x);
    return drops ? dropout(tape, `${at}.dropout`, out, { probability, key: keys.next(), residual }) : out;
  }

  #attention(tape: Tape, at: string, x: Value, { batch, keyRanges, dropout: keys }: TokenBatch): Value {
    const heads = this.config.numAttentionHeads;
    const project = (name: string) => {
      const { weight, bias } = this.#weights.pair(`model.${at}.self_attn.${name}`);
      return linear(tape, `${at}.self_attn.${name}`, x, weight, undefined, bias);
    };
    const [query, key, value] = [project('q_proj'), project('k_proj'), project('v_proj')];
    const probability = this.config.attentionDropout;
    const dropout = keys && probability > 0 ? { probability, key: keys.next() } : undefined;
    const options = { batch, heads, keyValueHeads: heads, causal: false, keyRanges, dropout };
    const context = attention(tape, `${at}.self_attn`, query, key, value, options);
    tape.release(query, key, value);
    return context;
  }
}

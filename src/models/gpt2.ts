import type { Engine, FloatType, Tensor } from '../engine/index.js';
import {
  add,
  attention,
  gelu,
  type LossTarget,
  layerNorm,
  type Parameter,
  type Tape,
  type Value,
} from '../tape/index.js';
import { biasedLinear, drop, endBranch, lookUp, projectHeads } from './biased-layers.js';
import type { CausalModel } from './causal-model.js';
import { drawDropout } from './dropout-keys.js';
import type { FileFormat } from './file-format.js';
import type { Gpt2Config } from './gpt2-config.js';
import { gpt2Files } from './gpt2-files.js';
import type { KeyValueCache } from './key-value-cache.js';
import { headLoss, lastLogits } from './language-head.js';
import { sketchableLinears } from './sketchable-linears.js';
import type { LossForm, SketchableLinear, TokenBatch } from './trainable-model.js';
import { WeightTable } from './weight-table.js';

/** The shapes of a GPT-2's weights by their names in the program, in the order in which they are stored. */
export function gpt2Shapes(config: Gpt2Config): ReadonlyMap<string, readonly number[]> {
  const { hiddenSize: n, intermediateSize: m } = config;
  const shapes = new Map<string, readonly number[]>();
  const pair = (name: string, rows: number, columns?: number) => {
    shapes.set(`${name}.weight`, columns === undefined ? [rows] : [rows, columns]);
    shapes.set(`${name}.bias`, [rows]);
  };
  shapes.set('model.embed_tokens.weight', [config.vocabSize, n]);
  shapes.set('model.embed_positions.weight', [config.maxPositionEmbeddings, n]);
  for (let layer = 0; layer < config.numHiddenLayers; layer++) {
    const at = `model.layers.${layer}`;
    pair(`${at}.input_layernorm`, n);
    for (const name of ['q_proj', 'k_proj', 'v_proj', 'o_proj']) pair(`${at}.self_attn.${name}`, n, n);
    pair(`${at}.post_attention_layernorm`, n);
    pair(`${at}.mlp.up_proj`, m, n);
    pair(`${at}.mlp.down_proj`, n, m);
  }
  pair('model.norm', n);
  if (!config.tieWordEmbeddings) shapes.set('lm_head.weight', [config.vocabSize, n]);
  return shapes;
}

/** GPT-2: pre-norm blocks of LayerNorm, causal attention and GELU, with biases and learned positions. */
export class Gpt2 implements CausalModel {
  readonly config: Gpt2Config;
  readonly positions: number;
  readonly dtype: FloatType;
  readonly parameters: readonly Parameter[];
  readonly files: FileFormat;
  readonly #engine: Engine;
  readonly #weights: WeightTable;

  /** Allocates the weights, with undefined contents: call `initialize`, or write them. */
  constructor(engine: Engine, config: Gpt2Config, dtype: FloatType = 'f32') {
    this.dtype = dtype;
    this.config = config;
    this.positions = config.maxPositionEmbeddings;
    this.#engine = engine;
    this.#weights = new WeightTable(engine, gpt2Shapes(config), dtype);
    this.parameters = this.#weights.all;
    this.files = gpt2Files(config);
  }

  /** LayerNorm has a β, which no linear layer takes up. */
  readonly mergeableNorms = [];

  get sketchableLinears(): readonly SketchableLinear[] {
    return sketchableLinears(gpt2Shapes(this.config), this.config.numHiddenLayers);
  }

  /** N(0, initializerRange²); layers that end a branch have 1/√(2L) of it, as there are 2L branches in the sum. */
  initialize(seed: number): void {
    const { initializerRange: usual, numHiddenLayers } = this.config;
    const ofBranch = usual / Math.sqrt(2 * numHiddenLayers);
    this.#weights.initialize(seed, (name) => (/\.(o|down)_proj\.weight$/.test(name) ? ofBranch : usual));
  }

  loss(tape: Tape, tokens: TokenBatch, target: LossTarget, form: LossForm): void {
    headLoss(tape, this.hiddenStates(tape, tokens), this.#head, target, form);
  }

  nextLogits(tape: Tape, tokens: TokenBatch, cache: KeyValueCache): Tensor {
    return lastLogits(tape, this.hiddenStates(tape, tokens, cache), this.#head);
  }

  /** Output of the last norm, [B·T, n]. */
  hiddenStates(tape: Tape, tokens: TokenBatch, cache?: KeyValueCache): Value {
    let x = this.#embed(tape, tokens, cache?.length ?? 0);
    for (let layer = 0; layer < this.config.numHiddenLayers; layer++) x = this.#block(tape, layer, x, tokens, cache);
    cache?.advance(tokens.sequenceLength);
    const hidden = layerNorm(tape, 'norm', x, this.#weights.pair('model.norm'), this.config.layerNormEps);
    tape.release(x);
    return hidden;
  }

  [Symbol.dispose](): void {
    this.#weights.release();
  }

  get #head(): Parameter {
    return this.#weights.get(this.config.tieWordEmbeddings ? 'model.embed_tokens.weight' : 'lm_head.weight');
  }

  #embed(
    tape: Tape,
    { ids, batch, sequenceLength, places: inDocument, dropout: keys }: TokenBatch,
    offset: number,
  ): Value {
    const places = this.#engine.allocate({ shape: ids.shape, dtype: 'i32', role: 'data', name: 'positions' });
    const count = batch * sequenceLength;
    this.#engine.write(
      places,
      Int32Array.from({ length: count }, (_, i) => offset + (inDocument?.[i] ?? i % sequenceLength)),
    );
    const tokens = lookUp(tape, this.#weights, 'embed_tokens', this.#engine.retain(ids));
    const positions = lookUp(tape, this.#weights, 'embed_positions', places);
    const sum = add(tape, 'embed_sum', tokens, positions);
    tape.release(positions);
    return drop(tape, 'embed_dropout', sum, keys, this.config.embeddingDropout);
  }

  #block(tape: Tape, layer: number, x: Value, tokens: TokenBatch, cache?: KeyValueCache): Value {
    const at = `layers.${layer}`;
    const { layerNormEps, hiddenDropout: probability } = this.config;
    const ends = { keys: tokens.dropout, probability };
    const inputNorm = this.#weights.pair(`model.${at}.input_layernorm`);
    const normed = layerNorm(tape, `${at}.input_layernorm`, x, inputNorm, layerNormEps);
    const context = this.#attention(tape, layer, normed, tokens, cache);
    tape.release(normed);
    const attentionEnd = { ...ends, at: `${at}.self_attn`, name: 'o_proj', residual: x } as const;
    const attended = endBranch(tape, this.#weights, context, attentionEnd);
    tape.release(x);
    const norm = this.#weights.pair(`model.${at}.post_attention_layernorm`);
    const h = layerNorm(tape, `${at}.post_attention_layernorm`, attended, norm, layerNormEps);
    const up = biasedLinear(tape, this.#weights, `${at}.mlp.up_proj`, h);
    tape.release(h);
    const activated = gelu(tape, `${at}.mlp.up`, up, this.config.gelu);
    tape.release(up);
    const mlpEnd = { ...ends, at: `${at}.mlp`, name: 'down_proj', residual: attended } as const;
    const out = endBranch(tape, this.#weights, activated, mlpEnd);
    tape.release(attended);
    return out;
  }

  #attention(
    tape: Tape,
    layer: number,
    x: Value,
    { batch, keyRanges, dropout: keys }: TokenBatch,
    cache?: KeyValueCache,
  ): Value {
    const at = `layers.${layer}.self_attn`;
    const heads = this.config.numAttentionHeads;
    const [query, ownKey, ownValue] = projectHeads(tape, this.#weights, at, x);
    const [key, value] = cache ? cache.extend(tape, layer, ownKey, ownValue) : [ownKey, ownValue];
    const dropout = drawDropout(keys, this.config.attentionDropout);
    const options = { batch, heads, keyValueHeads: heads, causal: true, keyRanges, dropout };
    const context = attention(tape, at, query, key, value, options);
    tape.release(query, key, value);
    return context;
  }
}

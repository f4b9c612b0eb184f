import type { Engine, FloatType, Tensor } from '../engine/index.js';
import {
  attention,
  embedding,
  type LossTarget,
  linear,
  type Parameter,
  type RopeTables,
  rmsNorm,
  rope,
  swiglu,
  type Tape,
  type Value,
} from '../tape/index.js';
import type { CausalModel } from './causal-model.js';
import { alwaysDerived, type FileFormat, plainFormat } from './file-format.js';
import type { KeyValueCache } from './key-value-cache.js';
import { headLoss, lastLogits } from './language-head.js';
import type { LlamaConfig } from './llama-config.js';
import { makeRopeTables } from './rope-tables.js';
import { sketchableLinears } from './sketchable-linears.js';
import type { LossForm, MergeableNorm, SketchableLinear, TokenBatch } from './trainable-model.js';
import { WeightTable } from './weight-table.js';

/** Weights of one block. */
interface Block {
  readonly inputNorm: Parameter;
  readonly query: Parameter;
  readonly key: Parameter;
  readonly value: Parameter;
  readonly output: Parameter;
  readonly postAttentionNorm: Parameter;
  readonly gate: Parameter;
  readonly up: Parameter;
  readonly down: Parameter;
}

/** The shapes of all weights by Hugging Face's names, in the order in which they are stored. */
export function llamaShapes(config: LlamaConfig): ReadonlyMap<string, readonly number[]> {
  const n = config.hiddenSize;
  const m = config.intermediateSize;
  const keyWidth = (n / config.numAttentionHeads) * config.numKeyValueHeads;
  const shapes = new Map<string, readonly number[]>([['model.embed_tokens.weight', [config.vocabSize, n]]]);
  for (let layer = 0; layer < config.numHiddenLayers; layer++) {
    const at = `model.layers.${layer}`;
    shapes.set(`${at}.input_layernorm.weight`, [n]);
    shapes.set(`${at}.self_attn.q_proj.weight`, [n, n]);
    shapes.set(`${at}.self_attn.k_proj.weight`, [keyWidth, n]);
    shapes.set(`${at}.self_attn.v_proj.weight`, [keyWidth, n]);
    shapes.set(`${at}.self_attn.o_proj.weight`, [n, n]);
    shapes.set(`${at}.post_attention_layernorm.weight`, [n]);
    shapes.set(`${at}.mlp.gate_proj.weight`, [m, n]);
    shapes.set(`${at}.mlp.up_proj.weight`, [m, n]);
    shapes.set(`${at}.mlp.down_proj.weight`, [n, m]);
  }
  shapes.set('model.norm.weight', [n]);
  if (!config.tieWordEmbeddings) shapes.set('lm_head.weight', [config.vocabSize, n]);
  return shapes;
}

/** Hugging Face's names are the program's. A tied model may be stored with its head written out once more. */
export function llamaFiles(config: LlamaConfig): FileFormat {
  const derived = config.tieWordEmbeddings ? new RegExp(`${alwaysDerived.source}|^lm_head\\.weight$`) : alwaysDerived;
  return { ...plainFormat(llamaShapes(config).keys()), derived };
}

/**
 * LLaMA: pre-norm blocks of RMSNorm, rotary attention with grouped keys and values, SwiGLU; weights [out, in] under
 * Hugging Face's names.
 */
export class Llama implements CausalModel {
  readonly config: LlamaConfig;
  /** Longest sequence that can be run. */
  readonly positions: number;
  readonly dtype: FloatType;
  readonly parameters: readonly Parameter[];
  readonly files: FileFormat;
  readonly #engine: Engine;
  readonly #weights: WeightTable;
  readonly #blocks: readonly Block[];
  readonly #embedding: Parameter;
  readonly #norm: Parameter;
  readonly #head: Parameter;
  readonly #rope: RopeTables;

  /**
   * Allocates the weights, with undefined contents: call `initialize`, or write them.
   *
   * @param positions longest sequence that will be run; at most `config.maxPositionEmbeddings`
   * @param dtype what weights, and with them activations and gradients, are stored in
   */
  constructor(engine: Engine, config: LlamaConfig, positions: number, dtype: FloatType = 'f32') {
    this.#engine = engine;
    this.config = config;
    this.positions = positions;
    this.dtype = dtype;
    this.files = llamaFiles(config);
    this.#weights = new WeightTable(engine, llamaShapes(config), dtype);
    this.parameters = this.#weights.all;
    const parameter = (name: string) => this.#weights.get(name);
    this.#embedding = parameter('model.embed_tokens.weight');
    this.#norm = parameter('model.norm.weight');
    this.#head = config.tieWordEmbeddings ? this.#embedding : parameter('lm_head.weight');
    this.#blocks = Array.from({ length: config.numHiddenLayers }, (_, layer) => {
      const at = `model.layers.${layer}`;
      return {
        inputNorm: parameter(`${at}.input_layernorm.weight`),
        query: parameter(`${at}.self_attn.q_proj.weight`),
        key: parameter(`${at}.self_attn.k_proj.weight`),
        value: parameter(`${at}.self_attn.v_proj.weight`),
        output: parameter(`${at}.self_attn.o_proj.weight`),
        postAttentionNorm: parameter(`${at}.post_attention_layernorm.weight`),
        gate: parameter(`${at}.mlp.gate_proj.weight`),
        up: parameter(`${at}.mlp.up_proj.weight`),
        down: parameter(`${at}.mlp.down_proj.weight`),
      };
    });
    this.#rope = makeRopeTables(engine, positions, config.hiddenSize / config.numAttentionHeads, config.ropeTheta);
  }

  get sketchableLinears(): readonly SketchableLinear[] {
    return sketchableLinears(llamaShapes(this.config), this.config.numHiddenLayers);
  }

  get mergeableNorms(): readonly MergeableNorm[] {
    return Array.from({ length: this.config.numHiddenLayers }, (_, layer) => {
      const at = `layers.${layer}`;
      const norm = (name: string, linears: readonly string[]) => ({
        slot: `${at}.${name}.input`,
        weight: `model.${at}.${name}.weight`,
        linears: linears.map((linear) => `model.${at}.${linear}.weight`),
      });
      return [
        norm('input_layernorm', ['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj']),
        norm('post_attention_layernorm', ['mlp.gate_proj', 'mlp.up_proj']),
      ];
    }).flat();
  }

  /** Random weights from the seed: N(0, initializerRange²) matrices, norms 1. */
  initialize(seed: number): void {
    this.#weights.initialize(seed, () => this.config.initializerRange);
  }

  loss(tape: Tape, tokens: TokenBatch, target: LossTarget, form: LossForm): void {
    headLoss(tape, this.#hiddenStates(tape, tokens), this.#head, target, form);
  }

  /**
   * Logits after the last of these tokens, [1, V], owned by the caller. Inference only, one sequence.
   *
   * @param cache keys and values of earlier tokens; extended by these
   */
  nextLogits(tape: Tape, tokens: TokenBatch, cache: KeyValueCache): Tensor {
    return lastLogits(tape, this.#hiddenStates(tape, tokens, cache), this.#head);
  }

  [Symbol.dispose](): void {
    this.#weights.release();
    this.#engine.release(this.#rope.cos);
    this.#engine.release(this.#rope.sin);
  }

  #hiddenStates(tape: Tape, tokens: TokenBatch, cache?: KeyValueCache): Value {
    const ids = tape.input('embed_tokens.ids', this.#engine.retain(tokens.ids));
    let x = embedding(tape, 'embed_tokens', ids, this.#embedding);
    tape.release(ids);
    for (const [layer, block] of this.#blocks.entries()) x = this.#block(tape, layer, block, x, tokens, cache);
    cache?.advance(tokens.sequenceLength);
    const hidden = rmsNorm(tape, 'norm', x, this.#norm, this.config.rmsNormEps);
    tape.release(x);
    return hidden;
  }

  #block(tape: Tape, layer: number, block: Block, x: Value, tokens: TokenBatch, cache?: KeyValueCache): Value {
    const at = `layers.${layer}`;
    const afterAttention = this.#attention(tape, `${at}`, layer, block, x, tokens, cache);
    tape.release(x);
    const h = rmsNorm(
      tape,
      `${at}.post_attention_layernorm`,
      afterAttention,
      block.postAttentionNorm,
      this.config.rmsNormEps,
    );
    const gate = linear(tape, `${at}.mlp.gate_proj`, h, block.gate);
    const up = linear(tape, `${at}.mlp.up_proj`, h, block.up);
    tape.release(h);
    const product = swiglu(tape, `${at}.mlp`, gate, up);
    tape.release(gate, up);
    const out = linear(tape, `${at}.mlp.down_proj`, product, block.down, afterAttention);
    tape.release(product, afterAttention);
    return out;
  }

  #attention(
    tape: Tape,
    at: string,
    layer: number,
    block: Block,
    x: Value,
    { batch, sequenceLength, keyRanges }: TokenBatch,
    cache?: KeyValueCache,
  ): Value {
    const { numAttentionHeads: heads, numKeyValueHeads: keyValueHeads, rmsNormEps } = this.config;
    const offset = cache?.length ?? 0;
    const h = rmsNorm(tape, `${at}.input_layernorm`, x, block.inputNorm, rmsNormEps);
    const q = linear(tape, `${at}.self_attn.q_proj`, h, block.query);
    const k = linear(tape, `${at}.self_attn.k_proj`, h, block.key);
    const v = linear(tape, `${at}.self_attn.v_proj`, h, block.value);
    tape.release(h);
    const query = rope(tape, `${at}.self_attn.query`, q, this.#rope, sequenceLength, offset);
    const rotatedKey = rope(tape, `${at}.self_attn.key`, k, this.#rope, sequenceLength, offset);
    const [key, value] = cache ? cache.extend(tape, layer, rotatedKey, v) : [rotatedKey, v];
    const options = { batch, heads, keyValueHeads, causal: true, keyRanges };
    const context = attention(tape, `${at}.self_attn`, query, key, value, options);
    tape.release(query, key, value);
    const out = linear(tape, `${at}.self_attn.o_proj`, context, block.output, x);
    tape.release(context);
    return out;
  }
}

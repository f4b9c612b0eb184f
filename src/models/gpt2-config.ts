import { z } from 'zod';
import { type GeluForm, InputError } from '../engine/index.js';

/** Shape and constants of a GPT-2; names as LLaMA's, so that what both have is called the same. */
export interface Gpt2Config {
  readonly modelType: 'gpt2';
  readonly vocabSize: number;
  /** n. */
  readonly hiddenSize: number;
  /** m, usually 4n. */
  readonly intermediateSize: number;
  readonly numHiddenLayers: number;
  readonly numAttentionHeads: number;
  /** Longest sequence; rows of the position table. */
  readonly maxPositionEmbeddings: number;
  readonly layerNormEps: number;
  readonly gelu: GeluForm;
  /** Of embeddings. */
  readonly embeddingDropout: number;
  /** Of both branches of a block. */
  readonly hiddenDropout: number;
  /** Of attention's probabilities. */
  readonly attentionDropout: number;
  /** The head shares the embedding's weight. */
  readonly tieWordEmbeddings: boolean;
  readonly initializerRange: number;
  readonly bosTokenId?: number;
  readonly eosTokenId?: number;
}

const count = z.number().int().positive();
const tokenId = z.number().int().nonnegative();
const probability = z.number().min(0).lt(1);

const huggingFaceSchema = z.object({
  model_type: z.literal('gpt2'),
  vocab_size: count,
  n_positions: count.default(1024),
  n_embd: count,
  n_layer: count,
  n_head: count,
  n_inner: count.nullish(),
  activation_function: z.enum(['gelu_new', 'gelu', 'gelu_pytorch_tanh']).default('gelu_new'),
  embd_pdrop: probability.default(0.1),
  resid_pdrop: probability.default(0.1),
  attn_pdrop: probability.default(0.1),
  layer_norm_epsilon: z.number().positive().default(1e-5),
  initializer_range: z.number().positive().default(0.02),
  scale_attn_weights: z.literal(true).optional(),
  scale_attn_by_inverse_layer_idx: z.literal(false).optional(),
  reorder_and_upcast_attn: z.boolean().optional(),
  add_cross_attention: z.literal(false).optional(),
  tie_word_embeddings: z.boolean().default(true),
  bos_token_id: tokenId.nullish(),
  eos_token_id: tokenId.nullish(),
});

/**
 * Reads a Hugging Face `config.json` of a GPT-2.
 *
 * @param where file name for messages
 * @throws InputError if it is none that this package can run
 */
export function parseGpt2Config(json: unknown, where: string): Gpt2Config {
  const parsed = huggingFaceSchema.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new InputError(
      `${where}: ${issue?.path.join('.') || 'config'}: ${issue?.message ?? 'invalid'}`,
      'supported: gpt2 with GELU and scaled attention',
    );
  }
  const { data } = parsed;
  if (data.n_embd % data.n_head !== 0) {
    throw new InputError(`${where}: n_embd ${data.n_embd} is not ${data.n_head} whole heads`);
  }
  return {
    modelType: 'gpt2',
    vocabSize: data.vocab_size,
    hiddenSize: data.n_embd,
    intermediateSize: data.n_inner ?? 4 * data.n_embd,
    numHiddenLayers: data.n_layer,
    numAttentionHeads: data.n_head,
    maxPositionEmbeddings: data.n_positions,
    layerNormEps: data.layer_norm_epsilon,
    gelu: data.activation_function === 'gelu' ? 'exact' : 'tanh',
    embeddingDropout: data.embd_pdrop,
    hiddenDropout: data.resid_pdrop,
    attentionDropout: data.attn_pdrop,
    tieWordEmbeddings: data.tie_word_embeddings,
    initializerRange: data.initializer_range,
    ...(data.bos_token_id != null && { bosTokenId: data.bos_token_id }),
    ...(data.eos_token_id != null && { eosTokenId: data.eos_token_id }),
  };
}

/** The `config.json` that Hugging Face's libraries read. */
export function toGpt2Json(config: Gpt2Config): Record<string, unknown> {
  return {
    architectures: ['GPT2LMHeadModel'],
    model_type: 'gpt2',
    vocab_size: config.vocabSize,
    n_positions: config.maxPositionEmbeddings,
    n_ctx: config.maxPositionEmbeddings,
    n_embd: config.hiddenSize,
    n_layer: config.numHiddenLayers,
    n_head: config.numAttentionHeads,
    n_inner: config.intermediateSize,
    activation_function: config.gelu === 'exact' ? 'gelu' : 'gelu_new',
    embd_pdrop: config.embeddingDropout,
    resid_pdrop: config.hiddenDropout,
    attn_pdrop: config.attentionDropout,
    layer_norm_epsilon: config.layerNormEps,
    initializer_range: config.initializerRange,
    tie_word_embeddings: config.tieWordEmbeddings,
    torch_dtype: 'float32',
    ...(config.bosTokenId !== undefined && { bos_token_id: config.bosTokenId }),
    ...(config.eosTokenId !== undefined && { eos_token_id: config.eosTokenId }),
  };
}

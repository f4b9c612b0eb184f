import { z } from 'zod';
import { InputError } from '../engine/index.js';

/** Shape and constants of a LLaMA model; names are Hugging Face's, in camel case. */
export interface LlamaConfig {
  readonly modelType: 'llama';
  readonly vocabSize: number;
  /** n. */
  readonly hiddenSize: number;
  /** m. */
  readonly intermediateSize: number;
  readonly numHiddenLayers: number;
  readonly numAttentionHeads: number;
  readonly numKeyValueHeads: number;
  /** Longest sequence the model was made for. */
  readonly maxPositionEmbeddings: number;
  readonly rmsNormEps: number;
  readonly ropeTheta: number;
  /** The head shares the embedding's weight. */
  readonly tieWordEmbeddings: boolean;
  /** Standard deviation of random initial weights. */
  readonly initializerRange: number;
  readonly bosTokenId?: number;
  readonly eosTokenId?: number;
}

const count = z.number().int().positive();
const tokenId = z.number().int().nonnegative();

const huggingFaceSchema = z.object({
  model_type: z.literal('llama'),
  vocab_size: count,
  hidden_size: count,
  intermediate_size: count,
  num_hidden_layers: count,
  num_attention_heads: count,
  num_key_value_heads: count.nullish(),
  head_dim: count.nullish(),
  max_position_embeddings: count.default(2048),
  rms_norm_eps: z.number().positive().default(1e-6),
  rope_theta: z.number().positive().default(10000),
  rope_scaling: z.null().optional(),
  attention_bias: z.literal(false).optional(),
  mlp_bias: z.literal(false).optional(),
  hidden_act: z.literal('silu').default('silu'),
  tie_word_embeddings: z.boolean().default(false),
  initializer_range: z.number().positive().default(0.02),
  bos_token_id: tokenId.nullish(),
  eos_token_id: z.union([tokenId, z.array(tokenId).min(1)]).nullish(),
});

/**
 * Reads a Hugging Face `config.json`.
 *
 * @param where file name for messages
 * @throws InputError if it is not a LLaMA this package can run
 */
export function parseLlamaConfig(json: unknown, where: string): LlamaConfig {
  const parsed = huggingFaceSchema.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const hint = 'supported: model_type llama with SiLU, no biases, no rope scaling';
    throw new InputError(`${where}: ${issue?.path.join('.') || 'config'}: ${issue?.message ?? 'invalid'}`, hint);
  }
  const { data } = parsed;
  const eos = Array.isArray(data.eos_token_id) ? data.eos_token_id[0] : data.eos_token_id;
  const config: LlamaConfig = {
    modelType: 'llama',
    vocabSize: data.vocab_size,
    hiddenSize: data.hidden_size,
    intermediateSize: data.intermediate_size,
    numHiddenLayers: data.num_hidden_layers,
    numAttentionHeads: data.num_attention_heads,
    numKeyValueHeads: data.num_key_value_heads ?? data.num_attention_heads,
    maxPositionEmbeddings: data.max_position_embeddings,
    rmsNormEps: data.rms_norm_eps,
    ropeTheta: data.rope_theta,
    tieWordEmbeddings: data.tie_word_embeddings,
    initializerRange: data.initializer_range,
    ...(data.bos_token_id != null && { bosTokenId: data.bos_token_id }),
    ...(eos != null && { eosTokenId: eos }),
  };
  const headWidth = config.hiddenSize / config.numAttentionHeads;
  if (!Number.isInteger(headWidth) || headWidth % 2 !== 0) {
    throw new InputError(
      `${where}: hidden_size ${config.hiddenSize} does not give ${config.numAttentionHeads} heads of even width`,
    );
  }
  if (data.head_dim != null && data.head_dim !== headWidth) {
    throw new InputError(
      `${where}: head_dim ${data.head_dim} other than hidden_size / num_attention_heads is not supported`,
    );
  }
  if (config.numAttentionHeads % config.numKeyValueHeads !== 0) {
    throw new InputError(
      `${where}: ${config.numAttentionHeads} heads cannot share ${config.numKeyValueHeads} key/value heads`,
    );
  }
  return config;
}

/** The `config.json` that Hugging Face's libraries read. */
export function toLlamaJson(config: LlamaConfig): Record<string, unknown> {
  return {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    vocab_size: config.vocabSize,
    hidden_size: config.hiddenSize,
    intermediate_size: config.intermediateSize,
    num_hidden_layers: config.numHiddenLayers,
    num_attention_heads: config.numAttentionHeads,
    num_key_value_heads: config.numKeyValueHeads,
    max_position_embeddings: config.maxPositionEmbeddings,
    rms_norm_eps: config.rmsNormEps,
    rope_theta: config.ropeTheta,
    hidden_act: 'silu',
    attention_bias: false,
    mlp_bias: false,
    tie_word_embeddings: config.tieWordEmbeddings,
    initializer_range: config.initializerRange,
    ...(config.bosTokenId !== undefined && { bos_token_id: config.bosTokenId }),
    ...(config.eosTokenId !== undefined && { eos_token_id: config.eosTokenId }),
  };
}

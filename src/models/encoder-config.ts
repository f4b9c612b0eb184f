import { z } from 'zod';
import { type GeluForm, InputError } from '../engine/index.js';

/** What stands on an encoder: nothing, masked language modelling, classes, or one number per sequence. */
export type EncoderHead = 'none' | 'masked-lm' | 'classification' | 'regression';

/** Shape and constants of a BERT (arXiv 1810.04805) or RoBERTa (arXiv 1907.11692); names as Hugging Face's, in camel case. */
export interface EncoderConfig {
  readonly modelType: 'bert' | 'roberta';
  readonly head: EncoderHead;
  readonly vocabSize: number;
  /** n. */
  readonly hiddenSize: number;
  /** m. */
  readonly intermediateSize: number;
  readonly numHiddenLayers: number;
  readonly numAttentionHeads: number;
  /** Rows of the position table; RoBERTa's first row in use is that after the filling token's id. */
  readonly maxPositionEmbeddings: number;
  readonly typeVocabSize: number;
  readonly layerNormEps: number;
  readonly gelu: GeluForm;
  /** Of embeddings and of both branches of a block. */
  readonly hiddenDropout: number;
  /** Of attention's probabilities. */
  readonly attentionDropout: number;
  /** Before the classifier. */
  readonly classifierDropout: number;
  /** Token id that fills rows up. */
  readonly padTokenId: number;
  /** Names of the classes, in the order of the logits; one name for a regression. */
  readonly labels: readonly string[];
  readonly initializerRange: number;
  readonly bosTokenId?: number;
  readonly eosTokenId?: number;
}

const count = z.number().int().positive();
const tokenId = z.number().int().nonnegative();
const probability = z.number().min(0).lt(1);

const huggingFaceSchema = z.object({
  model_type: z.enum(['bert', 'roberta']),
  architectures: z.array(z.string()).nullish(),
  vocab_size: count,
  hidden_size: count,
  intermediate_size: count,
  num_hidden_layers: count,
  num_attention_heads: count,
  max_position_embeddings: count.default(512),
  type_vocab_size: count.default(2),
  layer_norm_eps: z.number().positive().default(1e-12),
  hidden_act: z.enum(['gelu', 'gelu_new', 'gelu_pytorch_tanh']).default('gelu'),
  hidden_dropout_prob: probability.default(0.1),
  attention_probs_dropout_prob: probability.default(0.1),
  classifier_dropout: probability.nullish(),
  position_embedding_type: z.literal('absolute').nullish(),
  is_decoder: z.literal(false).nullish(),
  pad_token_id: tokenId.nullish(),
  bos_token_id: tokenId.nullish(),
  eos_token_id: tokenId.nullish(),
  id2label: z.record(z.string(), z.string()).nullish(),
  num_labels: count.nullish(),
  problem_type: z.string().nullish(),
  initializer_range: z.number().positive().default(0.02),
});

type HuggingFaceConfig = z.infer<typeof huggingFaceSchema>;

/** RoBERTa's `<pad>`, BERT's `[PAD]`. */
const usualPadId = { bert: 0, roberta: 1 } as const;

/**
 * Reads a Hugging Face `config.json` of a BERT or RoBERTa; its `architectures` name the head.
 *
 * @param where file name for messages
 * @throws InputError if it is none that this package can run
 */
export function parseEncoderConfig(json: unknown, where: string): EncoderConfig {
  const parsed = huggingFaceSchema.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const hint = 'supported: bert and roberta with GELU and absolute positions';
    throw new InputError(`${where}: ${issue?.path.join('.') || 'config'}: ${issue?.message ?? 'invalid'}`, hint);
  }
  const { data } = parsed;
  const labels = labelsOf(data);
  if (data.hidden_size % data.num_attention_heads !== 0) {
    throw new InputError(`${where}: hidden_size ${data.hidden_size} is not ${data.num_attention_heads} whole heads`);
  }
  return {
    modelType: data.model_type,
    head: headOf(data, labels, where),
    vocabSize: data.vocab_size,
    hiddenSize: data.hidden_size,
    intermediateSize: data.intermediate_size,
    numHiddenLayers: data.num_hidden_layers,
    numAttentionHeads: data.num_attention_heads,
    maxPositionEmbeddings: data.max_position_embeddings,
    typeVocabSize: data.type_vocab_size,
    layerNormEps: data.layer_norm_eps,
    gelu: data.hidden_act === 'gelu' ? 'exact' : 'tanh',
    hiddenDropout: data.hidden_dropout_prob,
    attentionDropout: data.attention_probs_dropout_prob,
    classifierDropout: data.classifier_dropout ?? data.hidden_dropout_prob,
    padTokenId: data.pad_token_id ?? usualPadId[data.model_type],
    labels,
    initializerRange: data.initializer_range,
    ...(data.bos_token_id != null && { bosTokenId: data.bos_token_id }),
    ...(data.eos_token_id != null && { eosTokenId: data.eos_token_id }),
  };
}

/** Names of the classes; Hugging Face leaves out what is its default, two of them. */
function labelsOf({ id2label, num_labels }: HuggingFaceConfig): readonly string[] {
  if (id2label) {
    const ids = Object.keys(id2label).sort((a, b) => Number(a) - Number(b));
    return ids.map((id) => id2label[id]);
  }
  return Array.from({ length: num_labels ?? 2 }, (_, index) => `LABEL_${index}`);
}

function headOf(data: HuggingFaceConfig, labels: readonly string[], where: string): EncoderHead {
  const [architecture = 'Model'] = data.architectures ?? [];
  if (architecture.endsWith('ForMaskedLM') || architecture.endsWith('ForPreTraining')) return 'masked-lm';
  if (architecture.endsWith('ForSequenceClassification')) {
    return data.problem_type === 'regression' || labels.length === 1 ? 'regression' : 'classification';
  }
  if (architecture.endsWith('Model')) return 'none';
  throw new InputError(
    `${where}: architectures: "${architecture}" is not supported`,
    'supported: ...Model, ...ForMaskedLM, ...ForSequenceClassification',
  );
}

const families = { bert: 'Bert', roberta: 'Roberta' } as const;
const architectures = {
  none: 'Model',
  'masked-lm': 'ForMaskedLM',
  classification: 'ForSequenceClassification',
  regression: 'ForSequenceClassification',
} as const;

/** The `config.json` that Hugging Face's libraries read. */
export function toEncoderJson(config: EncoderConfig): Record<string, unknown> {
  const { labels, head } = config;
  const sequence = head === 'classification' || head === 'regression';
  return {
    architectures: [families[config.modelType] + architectures[head]],
    model_type: config.modelType,
    vocab_size: config.vocabSize,
    hidden_size: config.hiddenSize,
    intermediate_size: config.intermediateSize,
    num_hidden_layers: config.numHiddenLayers,
    num_attention_heads: config.numAttentionHeads,
    max_position_embeddings: config.maxPositionEmbeddings,
    type_vocab_size: config.typeVocabSize,
    layer_norm_eps: config.layerNormEps,
    hidden_act: config.gelu === 'exact' ? 'gelu' : 'gelu_new',
    hidden_dropout_prob: config.hiddenDropout,
    attention_probs_dropout_prob: config.attentionDropout,
    classifier_dropout: config.classifierDropout,
    position_embedding_type: 'absolute',
    pad_token_id: config.padTokenId,
    initializer_range: config.initializerRange,
    torch_dtype: 'float32',
    ...(sequence && {
      problem_type: head === 'regression' ? 'regression' : 'single_label_classification',
      id2label: Object.fromEntries(labels.map((label, index) => [index, label])),
      label2id: Object.fromEntries(labels.map((label, index) => [label, index])),
    }),
    ...(config.bosTokenId !== undefined && { bos_token_id: config.bosTokenId }),
    ...(config.eosTokenId !== undefined && { eos_token_id: config.eosTokenId }),
  };
}

/** The most tokens a sequence may have: RoBERTa's positions begin after the id of its filling token. */
export function encoderPositions({ modelType, maxPositionEmbeddings, padTokenId }: EncoderConfig): number {
  return modelType === 'roberta' ? maxPositionEmbeddings - padTokenId - 1 : maxPositionEmbeddings;
}

import type { EncoderConfig } from './encoder-config.js';
import { encoderShapes } from './encoder-shapes.js';
import { alwaysDerived, type FileFormat } from './file-format.js';

/** Names of layers within Hugging Face's BERT and RoBERTa, by our names. */
const body: readonly (readonly [ours: RegExp, theirs: string])[] = [
  [/^model\.embed_tokens/, 'embeddings.word_embeddings'],
  [/^model\.embed_positions/, 'embeddings.position_embeddings'],
  [/^model\.embed_types/, 'embeddings.token_type_embeddings'],
  [/^model\.embed_norm/, 'embeddings.LayerNorm'],
  [/^model\.layers\.(\d+)\.self_attn\.q_proj/, 'encoder.layer.$1.attention.self.query'],
  [/^model\.layers\.(\d+)\.self_attn\.k_proj/, 'encoder.layer.$1.attention.self.key'],
  [/^model\.layers\.(\d+)\.self_attn\.v_proj/, 'encoder.layer.$1.attention.self.value'],
  [/^model\.layers\.(\d+)\.self_attn\.o_proj/, 'encoder.layer.$1.attention.output.dense'],
  [/^model\.layers\.(\d+)\.post_attention_layernorm/, 'encoder.layer.$1.attention.output.LayerNorm'],
  [/^model\.layers\.(\d+)\.mlp\.up_proj/, 'encoder.layer.$1.intermediate.dense'],
  [/^model\.layers\.(\d+)\.mlp\.down_proj/, 'encoder.layer.$1.output.dense'],
  [/^model\.layers\.(\d+)\.output_layernorm/, 'encoder.layer.$1.output.LayerNorm'],
  [/^model\.pooler/, 'pooler.dense'],
];

const heads = {
  bert: {
    'masked-lm': [
      [/^head\.dense/, 'cls.predictions.transform.dense'],
      [/^head\.norm/, 'cls.predictions.transform.LayerNorm'],
      [/^head\.bias/, 'cls.predictions.bias'],
    ],
    sequence: [[/^head\.score/, 'classifier']],
  },
  roberta: {
    'masked-lm': [
      [/^head\.dense/, 'lm_head.dense'],
      [/^head\.norm/, 'lm_head.layer_norm'],
      [/^head\.bias/, 'lm_head.bias'],
    ],
    sequence: [
      [/^head\.dense/, 'classifier.dense'],
      [/^head\.score/, 'classifier.out_proj'],
    ],
  },
} as const satisfies Record<EncoderConfig['modelType'], Record<string, readonly (readonly [RegExp, string])[]>>;

/** Hugging Face's names of an encoder's weights; a model without head has no prefix, one with a head has `bert.`, `roberta.`. */
export function encoderFiles(config: EncoderConfig): FileFormat {
  const { modelType, head } = config;
  const prefix = head === 'none' ? '' : `${modelType}.`;
  const ofHead = heads[modelType][head === 'masked-lm' ? 'masked-lm' : 'sequence'];
  const fileName = (name: string): string => {
    for (const [ours, theirs] of body) if (ours.test(name)) return prefix + name.replace(ours, theirs);
    for (const [ours, theirs] of ofHead) if (ours.test(name)) return name.replace(ours, theirs);
    throw new RangeError(`no name in files for "${name}"`);
  };
  return {
    tensors: [...encoderShapes(config).keys()].map((name) => ({ name: fileName(name), parts: [name] })),
    // Checkpoints that came from TensorFlow call γ and β by their letters.
    key: (name) =>
      name
        .replace(/^(bert|roberta)\./, '')
        .replace(/\.gamma$/, '.weight')
        .replace(/\.beta$/, '.bias'),
    // The decoder is the token embedding once more; next-sentence prediction is not used.
    derived: new RegExp(`${alwaysDerived.source}|decoder\\.(weight|bias)$|^cls\\.seq_relationship`),
    head: /^(cls|lm_head|classifier|pooler)\./,
  };
}

import type { EncoderConfig } from './encoder-config.js';

/** The shapes of an encoder's weights by their names in the program, in the order in which they are stored. */
export function encoderShapes(config: EncoderConfig): ReadonlyMap<string, readonly number[]> {
  const { hiddenSize: n, intermediateSize: m, head } = config;
  const shapes = new Map<string, readonly number[]>();
  const matrix = (name: string, rows: number, columns: number) => {
    shapes.set(`${name}.weight`, [rows, columns]);
    shapes.set(`${name}.bias`, [rows]);
  };
  const norm = (name: string) => {
    shapes.set(`${name}.weight`, [n]);
    shapes.set(`${name}.bias`, [n]);
  };
  shapes.set('model.embed_tokens.weight', [config.vocabSize, n]);
  shapes.set('model.embed_positions.weight', [config.maxPositionEmbeddings, n]);
  shapes.set('model.embed_types.weight', [config.typeVocabSize, n]);
  norm('model.embed_norm');
  for (let layer = 0; layer < config.numHiddenLayers; layer++) {
    const at = `model.layers.${layer}`;
    for (const name of ['q_proj', 'k_proj', 'v_proj', 'o_proj']) matrix(`${at}.self_attn.${name}`, n, n);
    norm(`${at}.post_attention_layernorm`);
    matrix(`${at}.mlp.up_proj`, m, n);
    matrix(`${at}.mlp.down_proj`, n, m);
    norm(`${at}.output_layernorm`);
  }
  if (hasPooler(config)) matrix('model.pooler', n, n);
  if (head === 'masked-lm') {
    matrix('head.dense', n, n);
    norm('head.norm');
    shapes.set('head.bias', [config.vocabSize]);
  } else if (head !== 'none') {
    if (config.modelType === 'roberta') matrix('head.dense', n, n);
    matrix('head.score', config.labels.length, n);
  }
  return shapes;
}

/** Whether a tanh layer stands on the first token, before or without a classifier. */
export function hasPooler({ modelType, head }: EncoderConfig): boolean {
  return head === 'none' || (modelType === 'bert' && head !== 'masked-lm');
}

import { alwaysDerived, type FileFormat, type FileTensor, noHead } from './file-format.js';
import type { Gpt2Config } from './gpt2-config.js';

/**
 * Hugging Face's names of a GPT-2's weights. Its layers are `Conv1D`, stored as [in, out], and q, k, v lie in one of them.
 */
export function gpt2Files(config: Gpt2Config): FileFormat {
  const tensors: FileTensor[] = [
    { name: 'transformer.wte.weight', parts: ['model.embed_tokens.weight'] },
    { name: 'transformer.wpe.weight', parts: ['model.embed_positions.weight'] },
  ];
  for (let layer = 0; layer < config.numHiddenLayers; layer++) {
    const ours = `model.layers.${layer}`;
    const theirs = `transformer.h.${layer}`;
    const norm = (file: string, name: string) => {
      for (const kind of ['weight', 'bias']) {
        tensors.push({ name: `${theirs}.${file}.${kind}`, parts: [`${ours}.${name}.${kind}`] });
      }
    };
    const conv = (file: string, names: readonly string[]) => {
      const parts = (kind: string) => names.map((name) => `${ours}.${name}.${kind}`);
      tensors.push({ name: `${theirs}.${file}.weight`, parts: parts('weight'), transposed: true });
      tensors.push({ name: `${theirs}.${file}.bias`, parts: parts('bias') });
    };
    norm('ln_1', 'input_layernorm');
    conv('attn.c_attn', ['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj']);
    conv('attn.c_proj', ['self_attn.o_proj']);
    norm('ln_2', 'post_attention_layernorm');
    conv('mlp.c_fc', ['mlp.up_proj']);
    conv('mlp.c_proj', ['mlp.down_proj']);
  }
  for (const kind of ['weight', 'bias']) {
    tensors.push({ name: `transformer.ln_f.${kind}`, parts: [`model.norm.${kind}`] });
  }
  if (!config.tieWordEmbeddings) tensors.push({ name: 'lm_head.weight', parts: ['lm_head.weight'] });
  const tiedHead = config.tieWordEmbeddings ? '|^lm_head\\.weight$' : '';
  return {
    tensors,
    key: (name) => name.replace(/^transformer\./, ''),
    // The causal mask is stored as `attn.bias` by old versions.
    derived: new RegExp(`${alwaysDerived.source}|attn\\.bias$${tiedHead}`),
    head: noHead,
  };
}

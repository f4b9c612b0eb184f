import { CheckpointError } from './checkpoint-error.js';
import { CheckpointBytes } from './file-bytes.js';
import { halfSplit } from './rotary-layout.js';
import type { TensorEntry } from './write-safetensors.js';

/** The fields of Hugging Face's `config.json` that a llama2.c checkpoint determines. */
export interface Llama2cConfig {
  readonly architectures: readonly ['LlamaForCausalLM'];
  readonly model_type: 'llama';
  readonly hidden_size: number;
  readonly intermediate_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly num_key_value_heads: number;
  readonly vocab_size: number;
  readonly max_position_embeddings: number;
  readonly rms_norm_eps: number;
  readonly rope_theta: number;
  readonly tie_word_embeddings: boolean;
  readonly hidden_act: 'silu';
  readonly torch_dtype: 'float32';
  readonly bos_token_id: number;
  readonly eos_token_id: number;
}

/** Offset of each layer's part of a stacked weight, in floats from the start of the weights. */
interface Part {
  readonly at: number;
  readonly rows: number;
  readonly columns: number;
}

const headerBytes = 28;

/**
 * A llama2.c checkpoint (the first format, `.bin` with seven integers in front: stories260K, stories15M, ...), as a
 * Hugging Face configuration and named tensors.
 *
 * llama2.c rotates neighbours (2i, 2i+1) of a head's query and key; Hugging Face rotates i with i + headSize/2. The rows
 * of `q_proj` and `k_proj` are therefore reordered, which leaves all attention scores as they were.
 *
 * @see https://github.com/karpathy/llama2.c (export.py, `legacy_export`)
 */
export class Llama2cCheckpoint implements Disposable {
  private constructor(
    private readonly bytes: CheckpointBytes,
    readonly config: Llama2cConfig,
  ) {}

  /** @throws CheckpointError if the file is missing, of another format, or its size does not fit its header */
  static open(path: string): Llama2cCheckpoint {
    const bytes = CheckpointBytes.open(path);
    try {
      const config = readConfig(bytes);
      const expected = headerBytes + 4 * layOut(config).floats;
      if (bytes.byteLength !== expected) {
        const relation = bytes.byteLength < expected ? 'truncated' : 'too long';
        throw new CheckpointError(
          `${path}: ${relation}: its header asks for ${expected} bytes, the file has ${bytes.byteLength}`,
          'only the first ("legacy", version 0) format of llama2.c is read',
        );
      }
      return new Llama2cCheckpoint(bytes, config);
    } catch (error) {
      bytes.close();
      throw error;
    }
  }

  /** All weights under Hugging Face's names, [out, in] row-major, f32; each is read from the file when asked for. */
  get tensors(): TensorEntry[] {
    const { config } = this;
    const { parts } = layOut(config);
    const headSize = config.hidden_size / config.num_attention_heads;
    const matrix = (name: string, part: Part): TensorEntry => ({
      name,
      dtype: 'F32',
      shape: [part.rows, part.columns],
      data: () => this.read(name, part),
    });
    const vector = (name: string, part: Part): TensorEntry => ({ ...matrix(name, part), shape: [part.columns] });
    const rotated = (name: string, part: Part): TensorEntry => ({
      ...matrix(name, part),
      data: () => halfSplit(this.read(name, part), headSize, part.columns),
    });
    const entries = [matrix('model.embed_tokens.weight', parts.embedding)];
    for (let layer = 0; layer < config.num_hidden_layers; layer++) {
      const prefix = `model.layers.${layer}`;
      const of = (part: Part): Part => ({ ...part, at: part.at + layer * part.rows * part.columns });
      entries.push(
        vector(`${prefix}.input_layernorm.weight`, of(parts.attentionNorm)),
        rotated(`${prefix}.self_attn.q_proj.weight`, of(parts.query)),
        rotated(`${prefix}.self_attn.k_proj.weight`, of(parts.key)),
        matrix(`${prefix}.self_attn.v_proj.weight`, of(parts.value)),
        matrix(`${prefix}.self_attn.o_proj.weight`, of(parts.output)),
        vector(`${prefix}.post_attention_layernorm.weight`, of(parts.mlpNorm)),
        matrix(`${prefix}.mlp.gate_proj.weight`, of(parts.gate)),
        matrix(`${prefix}.mlp.up_proj.weight`, of(parts.up)),
        matrix(`${prefix}.mlp.down_proj.weight`, of(parts.down)),
      );
    }
    entries.push(vector('model.norm.weight', parts.finalNorm));
    if (!config.tie_word_embeddings) entries.push(matrix('lm_head.weight', parts.head));
    return entries;
  }

  close(): void {
    this.bytes.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  private read(name: string, part: Part): Float32Array<ArrayBuffer> {
    const bytes = this.bytes.read(headerBytes + 4 * part.at, 4 * part.rows * part.columns, name);
    return new Float32Array(bytes.buffer);
  }
}

function readConfig(bytes: CheckpointBytes): Llama2cConfig {
  const { path } = bytes;
  if (bytes.byteLength < headerBytes) throw new CheckpointError(`${path}: truncated: no room for a llama2.c header`);
  const header = new Int32Array(bytes.read(0, headerBytes, 'header').buffer);
  // "ak42", the mark of versions 1 and 2.
  if (header[0] === 0x616b3432) {
    throw new CheckpointError(
      `${path}: llama2.c format version ${header[1]} is not read`,
      'export it with --version 0',
    );
  }
  const [dim, hidden, layers, heads, keyHeads, signedVocabulary, context] = header;
  const vocabulary = Math.abs(signedVocabulary);
  const sizes = [dim, hidden, layers, heads, keyHeads, vocabulary, context];
  const plausible =
    sizes.every((size) => size > 0 && size < 2 ** 24) &&
    dim % heads === 0 &&
    (dim / heads) % 2 === 0 &&
    heads % keyHeads === 0;
  if (!plausible)
    throw new CheckpointError(`${path}: not a llama2.c checkpoint: its header reads ${header.join(', ')}`);
  return {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    hidden_size: dim,
    intermediate_size: hidden,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: keyHeads,
    vocab_size: vocabulary,
    max_position_embeddings: context,
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
    // The sign of the vocabulary's size says whether the head has weights of its own.
    tie_word_embeddings: signedVocabulary > 0,
    hidden_act: 'silu',
    torch_dtype: 'float32',
    bos_token_id: 1,
    eos_token_id: 2,
  };
}

/** Order of the weights in the file; each entry of a layer stands for `num_hidden_layers` of them, one after the other. */
function layOut(config: Llama2cConfig) {
  const { hidden_size: dim, intermediate_size: hidden, num_hidden_layers: layers, vocab_size: vocabulary } = config;
  const headSize = dim / config.num_attention_heads;
  const keyRows = config.num_key_value_heads * headSize;
  let floats = 0;
  const next = (rows: number, columns: number, copies = layers): Part => {
    const at = floats;
    floats += copies * rows * columns;
    return { at, rows, columns };
  };
  const parts = {
    embedding: next(vocabulary, dim, 1),
    attentionNorm: next(1, dim),
    query: next(dim, dim),
    key: next(keyRows, dim),
    value: next(keyRows, dim),
    output: next(dim, dim),
    mlpNorm: next(1, dim),
    gate: next(hidden, dim),
    down: next(dim, hidden),
    up: next(hidden, dim),
    finalNorm: next(1, dim, 1),
    // Tables of cosines and sines that llama2.c no longer reads; they still take their place.
    rotation: next(config.max_position_embeddings, headSize, 1),
    head: next(vocabulary, dim, config.tie_word_embeddings ? 0 : 1),
  };
  return { parts, floats };
}

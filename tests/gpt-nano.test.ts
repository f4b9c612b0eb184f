import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deriveKey, type Engine, threefry } from '../src/engine/index.js';
import { createReferenceEngine } from '../src/engine/reference/reference-engine.js';
import {
  Gpt2,
  type Gpt2Config,
  generate,
  KeyValueCache,
  loadWeights,
  type TensorEntry,
  toHuggingFaceConfig,
  writeSafetensors,
} from '../src/models/index.js';
import { withTokens, zeroLoss } from '../src/plan/host-batch.js';
import {
  type Keeper,
  type Kept,
  type KeptInput,
  type KeptSlope,
  type Parameter,
  Tape,
  type Value,
} from '../src/tape/index.js';
import { nextLogits } from './support/next-logits.js';
import { noSharedData, onSharedData, sharedData } from './support/shared-data.js';
import { temporaryDirectory, writeTo } from './support/temporary-directory.js';

interface Stored {
  readonly shape: readonly number[];
  /** f32, base64. */
  readonly data: string;
}

/** A file of the published model: a configuration and tensors by name. */
function readStored(path: string): { readonly [name: string]: Stored } {
  return JSON.parse(readFileSync(sharedData(path), 'utf8'));
}

function floats({ data }: Stored): Float32Array<ArrayBuffer> {
  const bytes = Buffer.from(data, 'base64');
  return new Float32Array(Uint8Array.from(bytes).buffer);
}

const config: Gpt2Config = {
  modelType: 'gpt2',
  vocabSize: 3,
  hiddenSize: 48,
  intermediateSize: 192,
  numHiddenLayers: 3,
  numAttentionHeads: 3,
  maxPositionEmbeddings: 11,
  layerNormEps: 1e-5,
  gelu: 'tanh',
  embeddingDropout: 0,
  hiddenDropout: 0,
  attentionDropout: 0,
  tieWordEmbeddings: false,
  initializerRange: 0.02,
};

/** minGPT's layers are stored as [out, in], Hugging Face's as [in, out]. */
function toHuggingFace(name: string, stored: Stored): TensorEntry {
  const values = floats(stored);
  if (!/(c_attn|c_proj|c_fc)\.weight$/.test(name))
    return { name, dtype: 'F32', shape: stored.shape, data: () => values };
  const [rows, columns] = stored.shape;
  const turned = Float32Array.from(values, (_, i) => values[(i % rows) * columns + Math.floor(i / rows)]);
  return { name, dtype: 'F32', shape: [columns, rows], data: () => turned };
}

/** Reads every value that an op keeps. */
class Recorder implements Keeper {
  readonly values = new Map<string, Promise<ArrayLike<number>>>();
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  keep(_tape: Tape, slot: string, value: Value): Kept {
    this.values.set(slot, this.#engine.read(value.tensor));
    return { restore: () => value.tensor, release: () => {} };
  }

  keepInput(_tape: Tape, slot: string, input: Value, _weight: Parameter): KeptInput {
    this.values.set(slot, this.#engine.read(input.tensor));
    return { weightGradient: () => {}, release: () => {} };
  }

  wants(): boolean {
    return false;
  }

  keepsSlope(): boolean {
    return false;
  }

  keepSlope(): KeptSlope {
    throw new Error('this keeper keeps no slopes');
  }

  sharesOutput(): boolean {
    return false;
  }
}

describe.skipIf(noSharedData)(onSharedData('gpt-nano, a published GPT that sorts'), () => {
  const directory = temporaryDirectory();
  let engine: Engine;
  let model: Gpt2;
  beforeAll(async () => {
    const { config: _, ...stored } = readStored('weights/gpt-nano-sort-model.json');
    writeTo(directory, 'config.json', JSON.stringify(toHuggingFaceConfig(config)));
    const entries = Object.entries(stored).map(([name, tensor]) => toHuggingFace(name, tensor));
    await writeSafetensors(join(directory, 'model.safetensors'), entries);
    engine = createReferenceEngine();
    model = new Gpt2(engine, config);
    loadWeights(engine, model.parameters, directory, model.files);
  });
  afterAll(() => {
    model[Symbol.dispose]();
    engine.dispose();
  });

  it('gives its published intermediate tensors', async () => {
    const published = readStored('reference/gpt-nano-sort-t0-partials.json');
    const inputs = Int32Array.from(floats(published.idx));
    const recorder = new Recorder(engine);
    const loss = zeroLoss(engine);
    withTokens(engine, { inputs, targets: inputs, batch: 3, sequenceLength: 11 }, (tokens, targets) => {
      const tape = new Tape(engine, recorder);
      model.loss(tape, tokens, { targets, loss, scale: 1 }, { form: 'full' });
      tape.discard();
    });
    engine.release(loss);
    const slots: Record<string, string> = {
      x: 'layers.0.input_layernorm.input',
      ln1: 'layers.0.self_attn.q_proj.input',
      q: 'layers.0.self_attn.query',
      k: 'layers.0.self_attn.key',
      v: 'layers.0.self_attn.value',
      y: 'layers.0.self_attn.output',
      attnResid: 'layers.0.post_attention_layernorm.input',
      ln2: 'layers.0.mlp.up_proj.input',
      fc: 'layers.0.mlp.up',
      gelu: 'layers.0.mlp.down_proj.input',
      mlpResid: 'layers.1.input_layernorm.input',
      block0: 'layers.1.input_layernorm.input',
      block1: 'layers.2.input_layernorm.input',
      block2: 'norm.input',
      ln_f: 'lm_head.input',
      lm_head: 'lm_head.logits',
      probs: 'lm_head.log_probs',
    };
    for (const [name, slot] of Object.entries(slots)) {
      const got = Array.from((await recorder.values.get(slot)) ?? []);
      const want = floats(published[name]);
      // [B, heads, T, d] there, [B·T, heads·d] here; probabilities there, their logarithms here.
      const at = ['q', 'k', 'v'].includes(name) ? headMajor : (i: number) => i;
      const value = (x: number) => (name === 'probs' ? Math.exp(x) : x);
      expect(got.length, name).toBe(want.length);
      const worst = want.reduce((most, x, i) => Math.max(most, Math.abs(value(got[at(i)]) - x)), 0);
      expect(worst, name).toBeLessThan(1e-4);
    }
  });

  /** Index within [B·T, heads·d] of an index within [B, heads, T, d]. */
  function headMajor(index: number): number {
    const [d, T, heads] = [16, 11, 3];
    const [i, t] = [index % d, Math.floor(index / d) % T];
    const [head, b] = [Math.floor(index / (d * T)) % heads, Math.floor(index / (d * T * heads))];
    return (b * T + t) * heads * d + head * d + i;
  }

  it('sorts every random string, token by token from its cache', async () => {
    for (let trial = 0; trial < 100; trial++) {
      const key = deriveKey(trial, 'sampling', 0, 0);
      const letters = Array.from({ length: 6 }, (_, i) => threefry(key, i, 0)[0] % 3);
      const sorted: number[] = [];
      for await (const id of generate(engine, model, letters, { maxTokens: 5, temperature: 0, topP: 1, seed: 0 })) {
        sorted.push(id);
      }
      // The sixth letter comes after the last place of the context, where generation ends.
      using cache = new KeyValueCache(engine, config, 11);
      const logits = await nextLogits(engine, model, cache, [...letters, ...sorted]);
      sorted.push(logits.indexOf(Math.max(...logits)));
      expect(sorted, letters.join('')).toEqual(letters.toSorted());
    }
  });
});

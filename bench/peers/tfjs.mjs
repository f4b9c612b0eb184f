// TensorFlow.js on its WebAssembly backend. Plain SGD, which favours it: our own step has AdamW.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { causalMask, rotaryTables, tokenIds } from '../inputs.mjs';
import { serve } from '../protocol.mjs';

await serve(async (workload) => {
  const { hidden, mlp, layers, heads, vocab, batch, seq } = workload;
  const folder = dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm'));
  setWasmPaths(join(folder, '/'));
  await tf.setBackend('wasm');
  const headSize = hidden / heads;
  const variables = [];
  const keep = (value) => {
    const variable = tf.variable(value);
    variables.push(variable);
    return variable;
  };
  const weight = (...shape) => keep(tf.mul(tf.randomNormal(shape), 0.02));
  const embedding = weight(vocab, hidden);
  const head = weight(hidden, vocab);
  const norm = keep(tf.ones([hidden]));
  const blocks = Array.from({ length: layers }, () => ({
    norm1: keep(tf.ones([hidden])),
    norm2: keep(tf.ones([hidden])),
    q: weight(hidden, hidden),
    k: weight(hidden, hidden),
    v: weight(hidden, hidden),
    o: weight(hidden, hidden),
    gate: weight(hidden, mlp),
    up: weight(hidden, mlp),
    down: weight(mlp, hidden),
  }));
  const tokens = tf.tensor1d(tokenIds(workload), 'int32');
  const tables = rotaryTables(workload);
  const cos = tf.tensor(tables.cos, [1, 1, seq, headSize]);
  const sin = tf.tensor(tables.sin, [1, 1, seq, headSize]);
  const mask = tf.tensor(causalMask(workload), [1, 1, seq, seq]);

  const rmsNorm = (x, gamma) => tf.mul(tf.div(x, tf.sqrt(tf.add(tf.mean(tf.mul(x, x), -1, true), 1e-6))), gamma);
  const rotate = (x) => {
    const [low, high] = tf.split(x, 2, -1);
    return tf.add(tf.mul(x, cos), tf.mul(tf.concat([tf.neg(high), low], -1), sin));
  };
  const split = (x) => tf.transpose(tf.reshape(x, [batch, seq, heads, headSize]), [0, 2, 1, 3]);
  const block = (x, p) => {
    const y = rmsNorm(x, p.norm1);
    const q = rotate(split(tf.matMul(y, p.q)));
    const k = rotate(split(tf.matMul(y, p.k)));
    const scores = tf.add(tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(headSize)), mask);
    const attended = tf.transpose(tf.matMul(tf.softmax(scores), split(tf.matMul(y, p.v))), [0, 2, 1, 3]);
    const middle = tf.add(x, tf.matMul(tf.reshape(attended, [batch * seq, hidden]), p.o));
    const z = rmsNorm(middle, p.norm2);
    const gate = tf.matMul(z, p.gate);
    const product = tf.mul(tf.mul(gate, tf.sigmoid(gate)), tf.matMul(z, p.up));
    return tf.add(middle, tf.matMul(product, p.down));
  };
  const one = tf.cast(tf.oneHot(tokens, vocab), 'float32');
  const loss = () => {
    let x = tf.matMul(one, embedding);
    for (const each of blocks) x = block(x, each);
    const logits = tf.matMul(rmsNorm(x, norm), head);
    return tf.neg(tf.mean(tf.sum(tf.mul(tf.logSoftmax(logits), one), -1)));
  };
  const optimizer = tf.train.sgd(1e-3);
  return {
    settings: { version: tf.version.tfjs, backend: 'wasm', node: process.version, optimizer: 'SGD' },
    step: async () => {
      const value = optimizer.minimize(loss, true, variables);
      await value.data();
      value.dispose();
    },
    memory: () => ({}),
  };
});

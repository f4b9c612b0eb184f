// jax-js on its WebAssembly backend: the whole step in one jit. Plain SGD, which favours it: our own step has AdamW.
import { blockUntilReady, init, jit, nn, numpy as np, random, tree, valueAndGrad } from '@jax-js/jax';
import { causalMask, rotaryTables, tokenIds } from '../inputs.mjs';
import { serve } from '../protocol.mjs';

await serve(async (workload) => {
  const { hidden, mlp, layers, heads, vocab, batch, seq } = workload;
  await init('wasm');
  const headSize = hidden / heads;
  let seed = 0;
  const weight = (...shape) => random.normal(random.key(seed++), shape).mul(0.02);
  let parameters = {
    embedding: weight(vocab, hidden),
    head: weight(hidden, vocab),
    norm: np.ones([hidden]),
    blocks: Array.from({ length: layers }, () => ({
      norm1: np.ones([hidden]),
      norm2: np.ones([hidden]),
      q: weight(hidden, hidden),
      k: weight(hidden, hidden),
      v: weight(hidden, hidden),
      o: weight(hidden, hidden),
      gate: weight(hidden, mlp),
      up: weight(hidden, mlp),
      down: weight(mlp, hidden),
    })),
  };
  const tokens = np.array(tokenIds(workload));
  const tables = rotaryTables(workload);
  const cos = np.array(tables.cos).reshape([seq, 1, headSize]);
  const sin = np.array(tables.sin).reshape([seq, 1, headSize]);
  const mask = np.array(causalMask(workload)).reshape([1, 1, seq, seq]);

  const rmsNorm = (x, gamma) => {
    const scale = np.sqrt(np.mean(np.square(x.ref), -1, { keepdims: true }).add(1e-6));
    return x.div(scale).mul(gamma);
  };
  const rotate = (x) => {
    const [low, high] = np.split(x.ref, 2, -1);
    return x.mul(cos.ref).add(np.concatenate([high.mul(-1), low], -1).mul(sin.ref));
  };
  const split = (x) => x.reshape([batch, seq, heads, headSize]);
  const byHead = (x) => np.transpose(x, [0, 2, 1, 3]);
  const block = (x, p) => {
    const y = rmsNorm(x.ref, p.norm1);
    const q = rotate(split(np.matmul(y.ref, p.q)));
    const k = rotate(split(np.matmul(y.ref, p.k)));
    const v = split(np.matmul(y, p.v));
    // Its own attention function needs Node 22.
    const scores = np
      .matmul(byHead(q), np.transpose(k, [0, 2, 3, 1]))
      .mul(headSize ** -0.5)
      .add(mask.ref);
    const attended = byHead(np.matmul(nn.softmax(scores, -1), byHead(v))).reshape([batch * seq, hidden]);
    const middle = x.add(np.matmul(attended, p.o));
    const z = rmsNorm(middle.ref, p.norm2);
    const product = nn.silu(np.matmul(z.ref, p.gate)).mul(np.matmul(z, p.up));
    return middle.add(np.matmul(product, p.down));
  };
  const loss = (p) => {
    const one = nn.oneHot(tokens.ref, vocab);
    let x = np.matmul(one.ref, p.embedding);
    for (const each of p.blocks) x = block(x, each);
    const logits = np.matmul(rmsNorm(x, p.norm), p.head);
    return np.mean(np.sum(nn.logSoftmax(logits).mul(one), -1)).mul(-1);
  };
  const update = jit((p) => {
    const [value, gradients] = valueAndGrad(loss)(tree.ref(p));
    return [value, tree.map((w, g) => w.sub(g.mul(1e-3)), p, gradients)];
  });
  return {
    settings: { version: '0.1.25', backend: 'wasm', node: process.version, optimizer: 'SGD' },
    step: async () => {
      const [value, next] = update(parameters);
      parameters = next;
      await blockUntilReady(parameters);
      value.dispose();
    },
    memory: () => ({}),
  };
});

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Tensor } from '../../src/engine/index.js';
import { createReferenceEngine } from '../../src/engine/reference/reference-engine.js';
import { distance, Workbench } from './finite-differences.js';

/** Every backward op against finite differences of its forward op, in float64 on the reference engine. */
let bench: Workbench;
beforeEach(() => {
  bench = new Workbench(createReferenceEngine());
});
afterEach(() => {
  bench[Symbol.dispose]();
});

const onAndOff = [false, true];

describe('gemm', () => {
  for (const transA of onAndOff) {
    for (const transB of onAndOff) {
      it(`has two products as its gradients with transA ${transA} and transB ${transB}`, async () => {
        const [m, n, k] = [3, 4, 5];
        const a = bench.random(transA ? [k, m] : [m, k]);
        const b = bench.random(transB ? [n, k] : [k, n]);
        const addend = bench.random([m, n]);
        const out = bench.empty([m, n]);
        await bench.expectExact({
          inputs: { a, b },
          outputs: [out],
          forward: () => bench.engine.run('gemm', { a, b, out, transA, transB, addend }),
          backward([dy]) {
            const dA = bench.empty(a.shape);
            const dB = bench.empty(b.shape);
            // d op(A) = dC·op(B)ᵀ and d op(B) = op(A)ᵀ·dC, transposed where the operand is stored transposed.
            if (transA) bench.engine.run('gemm', { a: b, transA: transB, b: dy, transB: true, out: dA });
            else bench.engine.run('gemm', { a: dy, b, transB: !transB, out: dA });
            if (transB) bench.engine.run('gemm', { a: dy, transA: true, b: a, transB: transA, out: dB });
            else bench.engine.run('gemm', { a, transA: !transA, b: dy, out: dB });
            return { a: dA, b: dB };
          },
        });
      });
    }
  }
});

describe('rmsNormBackward', () => {
  for (const normalized of onAndOff) {
    it(`is the derivative of rmsNorm ${normalized ? 'from the kept unit rows' : 'from x'}`, async () => {
      const x = bench.random([4, 7]);
      const weight = bench.random([7]);
      const out = bench.empty([4, 7]);
      const rstd = bench.empty([4]);
      const unit = bench.empty([4, 7]);
      await bench.expectExact({
        inputs: { x, weight },
        outputs: [out],
        forward: () => bench.engine.run('rmsNorm', { x, weight, out, rstd, normalized: unit, epsilon: 1e-2 }),
        backward([dy]) {
          const dx = bench.empty(x.shape);
          const dWeight = bench.zeros([7]);
          bench.engine.run('rmsNormBackward', { x: normalized ? unit : x, normalized, rstd, weight, dy, dx, dWeight });
          return { x: dx, weight: dWeight };
        },
      });
    });
  }

  it('adds to dx where it is told to, and always to dWeight', async () => {
    const [x, dy] = [bench.random([3, 5]), bench.random([3, 5])];
    const [weight, rstd] = [bench.random([5]), bench.random([3])];
    const overwritten = bench.empty([3, 5]);
    const zeroed = bench.zeros([5]);
    bench.engine.run('rmsNormBackward', { x, rstd, weight, dy, dx: overwritten, dWeight: zeroed });
    const [dx, dWeight] = [bench.random([3, 5]), bench.random([5])];
    const run = () => bench.engine.run('rmsNormBackward', { x, rstd, weight, dy, dx, dWeight, accumulate: true });
    expect(distance(await bench.added(dx, run), await bench.engine.read(overwritten))).toBeLessThan(1e-13);
    expect(distance(await bench.added(dWeight, run), await bench.engine.read(zeroed))).toBeLessThan(1e-13);
  });
});

describe('the inverse rope', () => {
  it('is the derivative of the rotation', async () => {
    const [cos, sin] = [bench.empty([9, 3]), bench.empty([9, 3])];
    const angles = Float64Array.from({ length: 27 }, (_, index) => Math.sin(index) * 3);
    bench.engine.write(cos, angles.map(Math.cos));
    bench.engine.write(sin, angles.map(Math.sin));
    const x = bench.random([8, 12]);
    const out = bench.empty([8, 12]);
    const shape = { cos, sin, sequenceLength: 4, positionOffset: 5 };
    await bench.expectExact({
      inputs: { x },
      outputs: [out],
      forward: () => bench.engine.run('rope', { ...shape, x, out, inverse: false }),
      backward([dy]) {
        const dx = bench.empty(x.shape);
        bench.engine.run('rope', { ...shape, x: dy, out: dx, inverse: true });
        return { x: dx };
      },
    });
  });
});

describe('attentionBackward', () => {
  const droppingHalf = { probability: 0.5, key: [3, 4] as const };
  const situations = [
    { batch: 2, heads: 2, keyValueHeads: 2, queries: 4, keys: 4, causal: true },
    { batch: 1, heads: 4, keyValueHeads: 2, queries: 5, keys: 5, causal: true },
    { batch: 2, heads: 3, keyValueHeads: 1, queries: 3, keys: 5, causal: false },
    { batch: 1, heads: 2, keyValueHeads: 1, queries: 2, keys: 6, causal: true },
    { batch: 3, heads: 1, keyValueHeads: 1, queries: 1, keys: 4, causal: true },
    { batch: 2, heads: 4, keyValueHeads: 2, queries: 5, keys: 7, causal: false, dropout: droppingHalf },
    { batch: 1, heads: 2, keyValueHeads: 2, queries: 6, keys: 6, causal: true, dropout: droppingHalf },
  ];
  it.each(situations)(
    'is the derivative of attention: $batch x $queries queries on $keys keys, $heads heads on $keyValueHeads, causal $causal, dropout $dropout.probability',
    async ({ queries, keys, ...shape }) => {
      const width = 3;
      const { batch, heads, keyValueHeads } = shape;
      const query = bench.random([batch * queries, heads * width]);
      const key = bench.random([batch * keys, keyValueHeads * width]);
      const value = bench.random([batch * keys, keyValueHeads * width]);
      const out = bench.empty(query.shape);
      const logSumExp = bench.empty([batch * queries, heads]);
      const operands = { ...shape, scale: 0.7, query, key, value, out, logSumExp };
      await bench.expectExact({
        inputs: { query, key, value },
        outputs: [out],
        forward: () => bench.engine.run('attention', operands),
        backward([dOut]) {
          const [dQuery, dKey, dValue] = [query, key, value].map(({ shape }) => bench.empty(shape));
          bench.engine.run('attentionBackward', { ...operands, dOut, dQuery, dKey, dValue });
          return { query: dQuery, key: dKey, value: dValue };
        },
      });
    },
  );
});

describe('attentionBackward with ranges of keys', () => {
  it.each([false, true])('is the derivative of attention, causal %s', async (causal) => {
    const [batch, heads, width, length] = [2, 2, 3, 6];
    const [query, key, value] = [0, 1, 2].map(() => bench.random([batch * length, heads * width]));
    const out = bench.empty(query.shape);
    const logSumExp = bench.empty([batch * length, heads]);
    // Two documents in the first row; four tokens and filling in the second.
    const ranges = [...Array(2).fill([0, 2]), ...Array(4).fill([2, 6]), ...Array(6).fill([0, 4])].flat();
    const keyRanges = { ...bench.integers(ranges), shape: [batch * length, 2] };
    const operands = {
      batch,
      heads,
      keyValueHeads: heads,
      causal,
      scale: 0.7,
      query,
      key,
      value,
      out,
      logSumExp,
      keyRanges,
    };
    await bench.expectExact({
      inputs: { query, key, value },
      outputs: [out],
      forward: () => bench.engine.run('attention', operands),
      backward([dOut]) {
        const [dQuery, dKey, dValue] = [query, key, value].map(({ shape }) => bench.empty(shape));
        bench.engine.run('attentionBackward', { ...operands, dOut, dQuery, dKey, dValue });
        return { query: dQuery, key: dKey, value: dValue };
      },
    });
  });
});

describe('layerNormBackward', () => {
  it('is the derivative of layerNorm', async () => {
    const [x, weight, bias] = [bench.random([4, 7]), bench.random([7]), bench.random([7])];
    const [out, mean, rstd] = [bench.empty([4, 7]), bench.empty([4]), bench.empty([4])];
    await bench.expectExact({
      inputs: { x, weight, bias },
      outputs: [out],
      forward: () => bench.engine.run('layerNorm', { x, weight, bias, out, mean, rstd, epsilon: 1e-2 }),
      backward([dy]) {
        const [dx, dWeight, dBias] = [bench.empty(x.shape), bench.zeros([7]), bench.zeros([7])];
        bench.engine.run('layerNormBackward', { x, mean, rstd, weight, dy, dx, dWeight, dBias });
        return { x: dx, weight: dWeight, bias: dBias };
      },
    });
  });
});

describe('geluBackward', () => {
  it.each(['exact', 'tanh'] as const)('is the derivative of gelu: %s', async (form) => {
    const [x, out] = [bench.random([5, 6]), bench.empty([5, 6])];
    await bench.expectExact({
      inputs: { x },
      outputs: [out],
      forward: () => bench.engine.run('gelu', { x, out, form }),
      backward([dy]) {
        const dx = bench.empty(x.shape);
        bench.engine.run('geluBackward', { x, dy, dx, form });
        return { x: dx };
      },
    });
  });
});

describe('tanhBackward', () => {
  it('is the derivative of tanh, from its output', async () => {
    const [x, y] = [bench.random([5, 6]), bench.empty([5, 6])];
    await bench.expectExact({
      inputs: { x },
      outputs: [y],
      forward: () => bench.engine.run('tanh', { x, out: y }),
      backward([dy]) {
        const dx = bench.empty(x.shape);
        bench.engine.run('tanhBackward', { y, dy, dx });
        return { x: dx };
      },
    });
  });
});

describe('columnSum', () => {
  it('is the derivative of addBias by the bias', async () => {
    const [x, bias, out] = [bench.random([5, 3]), bench.random([3]), bench.empty([5, 3])];
    await bench.expectExact({
      inputs: { bias },
      outputs: [out],
      forward: () => bench.engine.run('addBias', { x, bias, out }),
      backward([dy]) {
        const sum = bench.zeros([3]);
        bench.engine.run('columnSum', { x: dy, out: sum });
        return { bias: sum };
      },
    });
  });
});

describe('dropout', () => {
  it.each(onAndOff)('has itself as its derivative, and dropoutBackward where the mask is kept: %s', async (kept) => {
    const [x, residual, out] = [bench.random([4, 40]), bench.random([4, 40]), bench.empty([4, 40])];
    const mask = bench.engine.allocate({ shape: [4, 40], dtype: 'u8', role: 'saved', name: 'mask' });
    const shared = { probability: 0.4, key: [5, 6] as const };
    await bench.expectExact({
      inputs: { x },
      outputs: [out],
      forward: () => bench.engine.run('dropout', { ...shared, x, residual, out, mask }),
      backward([dy]) {
        const dx = bench.empty(x.shape);
        if (kept) bench.engine.run('dropoutBackward', { dy, mask, dx, probability: 0.4 });
        else bench.engine.run('dropout', { ...shared, x: dy, out: dx });
        return { x: dx };
      },
    });
    bench.engine.release(mask);
  });
});

describe('squaredError', () => {
  it('has the gradient that it writes', async () => {
    const [predictions, targets, loss] = [bench.random([5, 1]), bench.random([5]), bench.empty([1])];
    await bench.expectExact({
      inputs: { predictions },
      outputs: [loss],
      forward() {
        bench.engine.run('fill', { out: loss, value: 0 });
        bench.engine.run('squaredError', { predictions, targets, loss, scale: 0.3 });
      },
      backward([dLoss]) {
        const [dPredictions, out] = [bench.empty([5, 1]), bench.empty([5, 1])];
        bench.engine.run('squaredError', { predictions, targets, loss, scale: 0.3, dPredictions });
        bench.engine.run('gemm', { a: dPredictions, b: { ...dLoss, shape: [1, 1] }, out });
        return { predictions: out };
      },
    });
  });
});

describe('swigluBackward', () => {
  for (const kept of onAndOff) {
    it(`is the derivative of swiglu ${kept ? 'with the activated gate kept' : 'from gate and up'}`, async () => {
      const [gate, up] = [bench.random([5, 6]), bench.random([5, 6])];
      const [out, activated] = [bench.empty([5, 6]), bench.empty([5, 6])];
      await bench.expectExact({
        inputs: { gate, up },
        outputs: [out],
        forward: () => bench.engine.run('swiglu', { gate, up, out, activated }),
        backward([dy]) {
          const [dGate, dUp] = [bench.empty([5, 6]), bench.empty([5, 6])];
          bench.engine.run('swigluBackward', { gate, up, dy, dGate, dUp, ...(kept && { activated }) });
          return { gate: dGate, up: dUp };
        },
      });
    });
  }
});

describe('the loss', () => {
  const rows = [
    { name: 'all targets counted', targets: [3, 0, 6, 2] },
    { name: 'ignored targets', targets: [3, -100, 6, -100] },
  ];
  /** Forward passes add to the loss, so each starts it at zero. */
  const start = (loss: Tensor) => bench.engine.run('fill', { out: loss, value: 0 });

  it.each(rows)('of crossEntropy has the gradient that it writes: $name', async ({ targets: values }) => {
    const logits = bench.random([4, 7]);
    const [targets, loss] = [bench.integers(values), bench.empty([1])];
    await bench.expectExact({
      inputs: { logits },
      outputs: [loss],
      forward() {
        start(loss);
        bench.engine.run('crossEntropy', { logits, targets, loss, scale: 0.6 });
      },
      backward([dLoss]) {
        return {
          logits: scaled(dLoss, (dLogits) =>
            bench.engine.run('crossEntropy', { logits, targets, loss, dLogits, scale: 0.6 }),
          ),
        };
      },
    });
  });

  it.each(rows)('of logSoftmax and nllLoss has the gradient of nllLossBackward: $name', async ({ targets: values }) => {
    const logits = bench.random([4, 7]);
    const logProbs = bench.empty([4, 7]);
    const [targets, loss] = [bench.integers(values), bench.empty([1])];
    await bench.expectExact({
      inputs: { logits },
      outputs: [loss],
      forward() {
        start(loss);
        bench.engine.run('logSoftmax', { x: logits, out: logProbs });
        bench.engine.run('nllLoss', { logProbs, targets, loss, scale: 0.6 });
      },
      backward([dLoss]) {
        return {
          logits: scaled(dLoss, (dLogits) =>
            bench.engine.run('nllLossBackward', { logProbs, targets, dLogits, scale: 0.6 }),
          ),
        };
      },
    });
  });

  /** The ops take the loss's own gradient as 1; here it is the projection, a number the gemm can multiply with. */
  function scaled(dLoss: Tensor, write: (dLogits: Tensor) => void): Tensor {
    const [dLogits, out] = [bench.empty([28, 1]), bench.empty([28, 1])];
    write({ ...dLogits, shape: [4, 7] });
    bench.engine.run('gemm', { a: dLogits, b: { ...dLoss, shape: [1, 1] }, out });
    return { ...out, shape: [4, 7] };
  }
});

describe('embeddingBackward', () => {
  it('is the derivative of embedding and adds to what the table gradient holds', async () => {
    const table = bench.random([5, 3]);
    const ids = bench.integers([4, 0, 4, 4, 1]);
    const out = bench.empty([5, 3]);
    await bench.expectExact({
      inputs: { table },
      outputs: [out],
      forward: () => bench.engine.run('embedding', { ids, table, out }),
      backward([dy]) {
        const dTable = bench.zeros([5, 3]);
        bench.engine.run('embeddingBackward', { ids, dy, dTable });
        return { table: dTable };
      },
    });
    const [dy, zeroed, held] = [bench.random([5, 3]), bench.empty([5, 3]), bench.random([5, 3])];
    bench.engine.run('fill', { out: zeroed, value: 0 });
    bench.engine.run('embeddingBackward', { ids, dy, dTable: zeroed });
    const gained = await bench.added(held, () => bench.engine.run('embeddingBackward', { ids, dy, dTable: held }));
    expect(distance(gained, await bench.engine.read(zeroed))).toBeLessThan(1e-13);
  });
});

// Our own engine, through the library as it was built.
import { measurePeak } from '../../dist/engine/native/index.js';
import { makePlan, Trainer } from '../../dist/index.js';
import { tokenIds } from '../inputs.mjs';
import { serve } from '../protocol.mjs';

await serve(async (workload, { methods, threads = workload.threads, projection }) => {
  const { batch, seq, vocab, layers } = workload;
  const config = {
    modelType: 'llama',
    vocabSize: vocab,
    hiddenSize: workload.hidden,
    intermediateSize: workload.mlp,
    numHiddenLayers: layers,
    numAttentionHeads: workload.heads,
    numKeyValueHeads: workload.heads,
    maxPositionEmbeddings: seq,
    rmsNormEps: 1e-6,
    ropeTheta: 10000,
    tieWordEmbeddings: false,
    initializerRange: 0.02,
  };
  const ids = tokenIds(workload);
  const trainer = await Trainer.open({
    settings: {
      config,
      plan: makePlan(methods.split('+'), { layers, dtype: workload.dtype, ...(projection && { projection }) }),
      batch,
      accumulate: 1,
      sequenceLength: seq,
      schedule: { name: 'constant', learningRate: 1e-3, steps: 1_000_000, warmup: 0, minRatio: 1 },
      optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, epsilonForm: 'standard', weightDecay: 0.01 },
      clip: null,
      seed: 0,
    },
    data: { fingerprint: 'bench', batch: () => ({ batch, sequenceLength: seq, inputs: ids, targets: ids }) },
    engine: 'native',
    threads,
  });
  const steps = trainer.run();
  let peak = 0;
  return {
    settings: { node: process.version, methods, ...(projection && { projection }), optimizer: 'AdamW', threads },
    step: async () => {
      const { value } = await steps.next();
      peak = value.memory.peak;
    },
    memory: () => ({ ledgerPeak: peak, flops: trainer.prediction.flops }),
    peak: () => measurePeak({ threads })[workload.dtype],
  };
});

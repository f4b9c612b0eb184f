// The comparisons, by name: one workload each, and who takes part. The first participant is what the others are measured against.
import { availableParallelism } from 'node:os';
import { compact, jaxJs, pytorch, tfjs } from './participants.mjs';

const threads = availableParallelism();
const llama60m = { hidden: 512, mlp: 1376, layers: 8, heads: 8, vocab: 32000, batch: 4, seq: 256, threads };
const llama350m = { ...llama60m, hidden: 1024, mlp: 2736, layers: 24, heads: 16 };
const small = { hidden: 256, mlp: 688, layers: 4, heads: 4, vocab: 1024, batch: 2, seq: 256, threads };
/** CompAct at n/4 with dense Gaussian projections, as published, and with fast ones. */
const sketched = [compact('lean+compact-shared'), compact('lean+compact-shared', { projection: 'srht' })];
const allOfPytorch = [pytorch.installed, pytorch.tuned, pytorch.compiled];

/** @type {Record<string, { title: string, workload: import('./protocol.mjs').Workload, participants: import('./participants.mjs').Starter[] }>} */
export const workloads = {
  'step-60m': {
    title: 'LLaMA-60M, f32: a training step beside PyTorch',
    workload: { ...llama60m, dtype: 'f32' },
    participants: [compact('lean'), compact('full'), ...sketched, ...allOfPytorch],
  },
  'step-60m-bf16': {
    title: 'LLaMA-60M, bf16: a training step beside PyTorch (its weights and moments in bf16)',
    workload: { ...llama60m, dtype: 'bf16' },
    participants: [compact('lean'), ...sketched, ...allOfPytorch],
  },
  threads: {
    title: 'LLaMA-60M, f32: one thread beside two',
    workload: { ...llama60m, dtype: 'f32' },
    participants: [compact('lean', { threads: 2 }), compact('lean', { threads: 1 })],
  },
  'step-350m': {
    title: 'LLaMA-350M, f32: CompAct beside exact gradients',
    workload: { ...llama350m, dtype: 'f32' },
    participants: [compact('lean'), ...sketched],
  },
  typescript: {
    title: 'A small LLaMA beside the TypeScript peers',
    workload: { ...small, dtype: 'f32' },
    participants: [compact('lean'), jaxJs, tfjs],
  },
};

import { command } from './command.js';
import * as options from './command-options.js';

/** Every command of the program. */
export const commands = [
  command({
    name: 'pretrain',
    summary: 'train a model on text',
    example: 'compact pretrain --model llama-20m --vocab-size 512 --data stories.txt --tokenizer tok --out runs/first',
    options: options.pretrain,
    run: async (values, output) => (await import('./commands/pretrain.js')).pretrain(values, output),
  }),
  command({
    name: 'finetune',
    summary: 'adapt a model to labelled texts or to instructions',
    example: 'compact finetune --task classification --model minilm --data reviews.csv --out runs/reviews',
    options: options.fineTune,
    run: async (values, output) => (await import('./commands/finetune.js')).fineTuneModel(values, output),
  }),
  command({
    name: 'compare',
    summary: 'train with several methods from the same start on the same batches',
    example: 'compact compare --model llama-20m --data ids.bin --methods full,lean,compact --out runs/methods',
    options: options.compare,
    run: async (values, output) => (await import('./commands/compare.js')).compare(values, output),
  }),
  command({
    name: 'plan',
    summary: 'predict where every byte of a run will be',
    example: 'compact plan --model llama-1b --method compact --batch 16 --seq 256',
    options: options.plan,
    run: async (values, output) => (await import('./commands/plan.js')).plan(values, output),
  }),
  command({
    name: 'paper',
    summary: "the memory columns of CompAct's paper, derived by dry runs: table2 or table3",
    example: 'compact paper table2',
    options: options.paper,
    operand: '<table>',
    run: async (...args) => (await import('./commands/paper.js')).paper(...args),
  }),
  command({
    name: 'eval',
    summary: "a model's loss on text",
    example: 'compact eval --model runs/first --data held-out.txt',
    options: options.evaluate,
    run: async (values, output) => (await import('./commands/eval.js')).evaluate(values, output),
  }),
  command({
    name: 'generate',
    summary: 'let a model continue a text',
    example: 'compact generate --model runs/first --prompt "Once upon a time"',
    options: options.generate,
    run: async (values, output) => (await import('./commands/generate.js')).generateText(values, output),
  }),
  command({
    name: 'tokenizer train',
    summary: 'train a byte-level BPE tokenizer',
    example: 'compact tokenizer train --data stories.txt --vocab-size 4096 --out tok',
    options: options.tokenizerTrain,
    run: async (values, output) => (await import('./commands/tokenizer-train.js')).tokenizerTrain(values, output),
  }),
  command({
    name: 'convert',
    summary: "bring a foreign checkpoint into Hugging Face's layout",
    example: 'compact convert --from llama2c stories260K.bin --tokenizer tok512.bin --out stories260k',
    options: options.convert,
    operand: '<path>',
    run: async (...args) => (await import('./commands/convert.js')).convert(...args),
  }),
  command({
    name: 'doctor',
    summary: 'what this machine offers, what is missing and how to get it',
    example: 'compact doctor --build',
    options: options.doctor,
    run: async (values, output) => (await import('./commands/doctor.js')).doctor(values, output),
  }),
  command({
    name: 'bench gemm',
    summary: "matrix products beside the machine's measured peak",
    example: 'compact bench gemm --json',
    options: options.benchGemm,
    run: async (values, output) => (await import('./commands/bench-gemm.js')).benchGemm(values, output),
  }),
  command({
    name: 'bench rates',
    summary: 'measure what kernels take here, which plans are priced by',
    example: 'compact bench rates',
    options: options.benchRates,
    run: async (values, output) => (await import('./commands/bench-rates.js')).benchRates(values, output),
  }),
  command({
    name: 'bench step',
    summary: 'time and memory of a training step',
    example: 'compact bench step --model llama-60m --batch 4 --seq 256 --methods lean,compact',
    options: options.benchStep,
    run: async (values, output) => (await import('./commands/bench-step.js')).benchStep(values, output),
  }),
] as const;

import { command } from './command.js';
import * as options from './command-options.js';

/** Every command of the program. */
export const commands = [
  command({
    name: 'pretrain',
    summary: 'train a model on text',
    example: 'compact pretrain --model llama-20m --vocab-size 512 --data stories.txt --tokenizer tok --out runs/first',
    options: options.pretrain,
    run: async (...args) => (await import('./commands/pretrain.js')).pretrain(...args),
  }),
  command({
    name: 'compare',
    summary: 'train with several methods from the same start on the same batches',
    example: 'compact compare --model llama-20m --data ids.bin --methods full,lean,compact --out runs/methods',
    options: options.compare,
    run: async (...args) => (await import('./commands/compare.js')).compare(...args),
  }),
  command({
    name: 'plan',
    summary: 'predict where every byte of a run will be',
    example: 'compact plan --model llama-1b --method compact --batch 16 --seq 256',
    options: options.plan,
    run: async (...args) => (await import('./commands/plan.js')).plan(...args),
  }),
  command({
    name: 'eval',
    summary: "a model's loss on text",
    example: 'compact eval --model runs/first --data held-out.txt',
    options: options.evaluate,
    run: async (...args) => (await import('./commands/eval.js')).evaluate(...args),
  }),
  command({
    name: 'generate',
    summary: 'let a model continue a text',
    example: 'compact generate --model runs/first --prompt "Once upon a time"',
    options: options.generate,
    run: async (...args) => (await import('./commands/generate.js')).generateText(...args),
  }),
  command({
    name: 'tokenizer train',
    summary: 'train a byte-level BPE tokenizer',
    example: 'compact tokenizer train --data stories.txt --vocab-size 4096 --out tok',
    options: options.tokenizerTrain,
    run: async (...args) => (await import('./commands/tokenizer-train.js')).tokenizerTrain(...args),
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
    run: async (...args) => (await import('./commands/doctor.js')).doctor(...args),
  }),
  command({
    name: 'bench gemm',
    summary: "matrix products beside the machine's measured peak",
    example: 'compact bench gemm --json',
    options: options.benchGemm,
    run: async (...args) => (await import('./commands/bench-gemm.js')).benchGemm(...args),
  }),
  command({
    name: 'bench step',
    summary: 'time and memory of a training step',
    example: 'compact bench step --model llama-60m --batch 4 --seq 256 --methods lean,compact',
    options: options.benchStep,
    run: async (...args) => (await import('./commands/bench-step.js')).benchStep(...args),
  }),
] as const;

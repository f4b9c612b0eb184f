import { cpus, totalmem, type } from 'node:os';
import type { ComputingEngine } from '../engine/index.js';
import { type Isa, isaNames } from '../engine/native/addon.js';
import { nativeStatus } from '../engine/native/status.js';
import { formatBytes } from '../report/index.js';

/** Processor, cores, memory and operating system in one line. */
export function describeMachine(): string {
  const processors = cpus();
  const model = processors[0]?.model.trim() || 'unknown processor';
  return `${model}, ${processors.length} cores, ${formatBytes(totalmem())}, ${type()}, Node ${process.version}`;
}

/** Instruction set that the engine's kernels use; undefined for the reference engine. */
export function instructionSet(engine: ComputingEngine): Isa | undefined {
  if (engine === 'reference') return undefined;
  return isaNames.find((name) => name === process.env.COMPACT_ISA) ?? nativeStatus().isa;
}

import { availableParallelism } from 'node:os';
import type { Engine } from './engine.js';

/** Engines that compute, in the order of preference. */
export const computingEngines = ['native', 'reference'] as const;
export type ComputingEngine = (typeof computingEngines)[number];

export interface EngineOptions {
  /** Default: all cores. The reference engine computes on one, but declares scratch for as many. */
  readonly threads?: number;
}

/**
 * Opens an engine by name; only the code of that engine is loaded.
 *
 * @throws EngineUnavailableError if the native addon is missing or cannot run here
 */
export async function openEngine(name: ComputingEngine, options: EngineOptions = {}): Promise<Engine> {
  const threads = options.threads ?? availableParallelism();
  if (name === 'reference') {
    const { createReferenceEngine } = await import('./reference/reference-engine.js');
    return createReferenceEngine({ threads });
  }
  const { createNativeEngine } = await import('./native/native-engine.js');
  return createNativeEngine({ threads });
}

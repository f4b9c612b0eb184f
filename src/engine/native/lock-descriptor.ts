import { EngineUnavailableError } from '../errors.js';
import { requireAddon } from './native-engine.js';

/**
 * Whether an open file is this descriptor's alone from now on, until it is closed or the process ends: Node itself has no such
 * lock. Without the addon every descriptor gets it.
 */
export function lockDescriptor(descriptor: number): boolean {
  try {
    return requireAddon().lock(descriptor);
  } catch (error) {
    if (error instanceof EngineUnavailableError) return true;
    throw error;
  }
}

import type { Engine, Tensor } from '../engine/index.js';
import type { Parameter } from '../tape/index.js';

/**
 * The factor of clipping by global norm, min(1, maxNorm / (‖g‖ + 1e-6)), as a tensor [1] that the caller releases. A
 * compressed gradient counts with ‖Ĝ‖², an unbiased estimate of ‖G‖² for every projection with E[P·Pᵀ] = I.
 */
export function clipFactor(engine: Engine, parameters: Iterable<Parameter>, maxNorm: number): Tensor {
  const squared = engine.allocate({ shape: [1], role: 'workspace', name: 'gradient.squared_norm' });
  engine.run('fill', { out: squared, value: 0 });
  for (const { gradient } of parameters) if (gradient) engine.run('squaredNorm', { x: gradient, out: squared });
  const factor = engine.allocate({ shape: [1], role: 'workspace', name: 'gradient.clip_factor' });
  engine.run('clipFactor', { squaredNorm: squared, out: factor, maxNorm });
  engine.release(squared);
  return factor;
}

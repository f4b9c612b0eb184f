import type { Engine } from '../engine/index.js';
import type { MergeableNorm } from '../models/index.js';
import type { Parameter } from '../tape/index.js';

/**
 * γ of these norms goes into the linear layers that read them, W ← W·diag(γ), and becomes 1. The model's function does not
 * change; done twice, nothing happens.
 */
export function mergeNorms(engine: Engine, parameters: readonly Parameter[], norms: readonly MergeableNorm[]): void {
  const tensorOf = (name: string) => {
    const found = parameters.find((parameter) => parameter.name === name);
    if (!found) throw new RangeError(`no parameter "${name}"`);
    return found.tensor;
  };
  for (const { weight, linears } of norms) {
    const gamma = tensorOf(weight);
    for (const linear of linears) engine.run('scaleColumns', { x: tensorOf(linear), factors: gamma });
    engine.run('fill', { out: gamma, value: 1 });
  }
}

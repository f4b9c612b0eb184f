import type { LayerNormArgs, LayerNormBackwardArgs } from '../contract/layer-norm.js';
import { matrix } from '../contract/spec.js';
import type { ReferenceMemory } from './memory.js';

/** x̂ = (x − mean)·rstd, y = γ∘x̂ + β, rstd = (mean((x − mean)²) + ε)^(-1/2), by rows. */
export function layerNorm(memory: ReferenceMemory, args: LayerNormArgs): void {
  const [tokens, width] = matrix('layerNorm x', args.x);
  const x = memory.floats(args.x);
  const weight = memory.floats(args.weight);
  const bias = memory.floats(args.bias);
  const out = memory.floats(args.out);
  const mean = memory.floats(args.mean);
  const rstd = memory.floats(args.rstd);

  for (let token = 0; token < tokens; token++) {
    const row = x.subarray(token * width, (token + 1) * width);
    let sum = 0;
    for (const value of row) sum += value;
    const center = sum / width;
    let squares = 0;
    for (const value of row) squares += (value - center) ** 2;
    const factor = 1 / Math.sqrt(squares / width + args.epsilon);
    mean[token] = center;
    rstd[token] = factor;
    for (let j = 0; j < width; j++) out[token * width + j] = weight[j] * (row[j] - center) * factor + bias[j];
  }
}

/** With ĝ = dy∘γ: dx = rstd·(ĝ − mean(ĝ) − x̂·mean(ĝ∘x̂)), dγ += Σ dy∘x̂, dβ += Σ dy. */
export function layerNormBackward(memory: ReferenceMemory, args: LayerNormBackwardArgs): void {
  const [tokens, width] = matrix('layerNormBackward x', args.x);
  const x = memory.floats(args.x);
  const mean = memory.floats(args.mean);
  const rstd = memory.floats(args.rstd);
  const weight = memory.floats(args.weight);
  const dy = memory.floats(args.dy);
  const dx = memory.floats(args.dx);
  const dWeight = memory.optionalFloats(args.dWeight);
  const dBias = memory.optionalFloats(args.dBias);

  for (let token = 0; token < tokens; token++) {
    const start = token * width;
    let sum = 0;
    let sumWithUnit = 0;
    for (let j = 0; j < width; j++) {
      const unit = (x[start + j] - mean[token]) * rstd[token];
      sum += dy[start + j] * weight[j];
      sumWithUnit += dy[start + j] * weight[j] * unit;
      if (dWeight) dWeight[j] += dy[start + j] * unit;
      if (dBias) dBias[j] += dy[start + j];
    }
    // dx may be dy: from here on each dy is read just before its place is written.
    for (let j = 0; j < width; j++) {
      const unit = (x[start + j] - mean[token]) * rstd[token];
      const gradient = rstd[token] * (dy[start + j] * weight[j] - sum / width - (unit * sumWithUnit) / width);
      dx[start + j] = args.accumulate ? dx[start + j] + gradient : gradient;
    }
  }
}

import type { RmsNormArgs, RmsNormBackwardArgs } from '../contract/rms-norm.js';
import { matrix } from '../contract/spec.js';
import type { ReferenceMemory } from './memory.js';

/** x̂ = x·rstd, y = γ∘x̂, rstd = (mean(x²) + ε)^(-1/2), by rows. */
export function rmsNorm(memory: ReferenceMemory, args: RmsNormArgs): void {
  const [tokens, width] = matrix('rmsNorm x', args.x);
  const x = memory.floats(args.x);
  const weight = memory.floats(args.weight);
  const out = memory.floats(args.out);
  const rstd = memory.floats(args.rstd);
  const normalized = memory.optionalFloats(args.normalized);

  for (let token = 0; token < tokens; token++) {
    const start = token * width;
    let squares = 0;
    for (let j = 0; j < width; j++) squares += x[start + j] ** 2;
    const factor = 1 / Math.sqrt(squares / width + args.epsilon);
    rstd[token] = factor;
    for (let j = 0; j < width; j++) {
      const unit = x[start + j] * factor;
      if (normalized) normalized[start + j] = unit;
      out[start + j] = weight[j] * unit;
    }
  }
}

/** With ĝ = dy∘γ: dx = rstd·(ĝ − x̂·mean(ĝ∘x̂)), dγ += Σ dy∘x̂. */
export function rmsNormBackward(memory: ReferenceMemory, args: RmsNormBackwardArgs): void {
  const [tokens, width] = matrix('rmsNormBackward x', args.x);
  const x = memory.floats(args.x);
  const rstd = memory.floats(args.rstd);
  const weight = memory.floats(args.weight);
  const dy = memory.floats(args.dy);
  const dx = memory.floats(args.dx);
  const dWeight = memory.optionalFloats(args.dWeight);

  for (let token = 0; token < tokens; token++) {
    const start = token * width;
    const toUnit = args.normalized ? 1 : rstd[token];
    let sum = 0;
    for (let j = 0; j < width; j++) {
      const unit = x[start + j] * toUnit;
      sum += dy[start + j] * weight[j] * unit;
      if (dWeight) dWeight[j] += dy[start + j] * unit;
    }
    const mean = sum / width;
    // dx may be dy: from here on each dy is read just before its place is written.
    for (let j = 0; j < width; j++) {
      const unit = x[start + j] * toUnit;
      const gradient = rstd[token] * (dy[start + j] * weight[j] - unit * mean);
      dx[start + j] = args.accumulate ? dx[start + j] + gradient : gradient;
    }
  }
}

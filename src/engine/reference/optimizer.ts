import type { AdamArgs, AdamDirectionArgs, AdamWArgs, ClipFactorArgs, SquaredNormArgs } from '../contract/optimizer.js';
import type { Tensor } from '../tensor.js';
import type { ReferenceMemory } from './memory.js';
import { roundByChance } from './stochastic-rounding.js';

/** M, V updated; W ← (1 − lr·decay)·W − lr·scale·U. */
export function adamW(memory: ReferenceMemory, args: AdamWArgs): void {
  const weight = memory.floats(args.weight);
  const { learningRate, updateScale, weightDecay } = args;
  forEachDirection(memory, args, (i, direction) => {
    weight[i] = (1 - learningRate * weightDecay) * weight[i] - learningRate * updateScale * direction;
  });
  roundByChance(memory, args.weight, 'weight', args.rounding);
}

/** M, V updated; gradient ← factor·U. */
export function adamDirection(memory: ReferenceMemory, args: AdamDirectionArgs): void {
  const gradient = memory.floats(args.gradient);
  forEachDirection(memory, args, (i, direction) => {
    gradient[i] = args.factor * direction;
  });
}

/** M ← β1·M + (1−β1)·g, V ← β2·V + (1−β2)·g²; hands out U = (M/c1) / (√(V/c2) + ε) element by element. */
function forEachDirection(
  memory: ReferenceMemory,
  args: AdamArgs & { readonly gradient: Tensor },
  use: (i: number, direction: number) => void,
): void {
  const gradient = memory.floats(args.gradient);
  const firstMoment = memory.floats(args.firstMoment);
  const secondMoment = memory.floats(args.secondMoment);
  const gradientScale = memory.optionalFloats(args.gradientScale)?.[0] ?? 1;
  const { beta1, beta2, epsilon, correction1, correction2 } = args;
  for (let i = 0; i < gradient.length; i++) {
    const g = gradient[i] * gradientScale;
    firstMoment[i] = beta1 * firstMoment[i] + (1 - beta1) * g;
    secondMoment[i] = beta2 * secondMoment[i] + (1 - beta2) * g * g;
    use(i, firstMoment[i] / correction1 / (Math.sqrt(secondMoment[i] / correction2) + epsilon));
  }
  roundByChance(memory, args.firstMoment, 'firstMoment', args.rounding);
  roundByChance(memory, args.secondMoment, 'secondMoment', args.rounding);
}

/** out += Σ x². */
export function squaredNorm(memory: ReferenceMemory, args: SquaredNormArgs): void {
  const x = memory.floats(args.x);
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i] * x[i];
  memory.floats(args.out)[0] += sum;
}

/** out = min(1, maxNorm / (√squaredNorm + 1e-6)). */
export function clipFactor(memory: ReferenceMemory, args: ClipFactorArgs): void {
  const norm = Math.sqrt(memory.floats(args.squaredNorm)[0]);
  memory.floats(args.out)[0] = Math.min(1, args.maxNorm / (norm + 1e-6));
}

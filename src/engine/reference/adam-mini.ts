import type { AdamMiniDirectionArgs } from '../contract/adam-mini.js';
import { matrix } from '../contract/spec.js';
import type { ReferenceMemory } from './memory.js';

/** v of each block from its mean square; then M updated and gradient ← factor·U. */
export function adamMiniDirection(memory: ReferenceMemory, args: AdamMiniDirectionArgs): void {
  const gradient = memory.floats(args.gradient);
  const firstMoment = memory.floats(args.firstMoment);
  const secondMoment = memory.floats(args.secondMoment);
  const gradientScale = memory.optionalFloats(args.gradientScale)?.[0] ?? 1;
  const { along, beta1, beta2, epsilon, correction1, correction2, factor } = args;
  const [, columns] = matrix('gradient', args.gradient);
  const blocks = secondMoment.length;
  const blockElements = gradient.length / blocks;
  const blockOf = (i: number) => (along === 'columns' ? i % columns : Math.floor(i / blockElements));
  const squares = new Float64Array(blocks);
  for (let i = 0; i < gradient.length; i++) squares[blockOf(i)] += (gradient[i] * gradientScale) ** 2;
  for (let block = 0; block < blocks; block++) {
    secondMoment[block] = beta2 * secondMoment[block] + (1 - beta2) * (squares[block] / blockElements);
  }
  for (let i = 0; i < gradient.length; i++) {
    firstMoment[i] = beta1 * firstMoment[i] + (1 - beta1) * gradient[i] * gradientScale;
    const root = Math.sqrt(secondMoment[blockOf(i)] / correction2);
    gradient[i] = (factor * firstMoment[i]) / correction1 / (root + epsilon);
  }
}

import { hadamardSize } from '../engine/index.js';
import { isSketchForm, resolveRank, type SlotRecord, squaredError } from '../keep/index.js';
import type { MemoryPlan } from './memory-plan.js';

/**
 * What in a plan is worse than something else in every respect, each with what would be better. Such plans are carried out all
 * the same: they are what papers describe, and comparisons need them.
 *
 * @param slots how the plan keeps what backward needs over `tokens` tokens
 */
export function dominatedChoices(plan: MemoryPlan, slots: readonly SlotRecord[], tokens: number): readonly string[] {
  const { sketches } = plan;
  const sketched = slots.filter(({ form }) => isSketchForm(form));
  const [first] = sketched;
  if (!sketches || !first) return [];
  const found: string[] = [];
  const stored = sketched
    .filter(({ form, replayCost }) => form === 'sketch' && replayCost === 'elementwise')
    .reduce((sum, { bytes }) => sum + bytes, 0);
  if (stored > 0 && sketches.gradient === 'compressed') {
    found.push(
      `sketches of inputs that can be recomputed elementwise are stored, ${mebibytes(stored)}: with --sketch-when backward the gradients are the same and nothing is`,
    );
  }
  if (sketches.basis === 'random') {
    const inputSize = first.exactBytes / 4 / tokens;
    const rank = resolveRank(sketches.rank, inputSize, first.slot);
    const at = { group: 0, inputSize, rank };
    const size = hadamardSize(inputSize);
    const [dense, fast] = [2 * inputSize * rank, size * Math.log2(size)];
    const error = squaredError({ ...at, family: sketches.projection });
    const hadamard = squaredError({ ...at, family: 'srht' });
    const isFast = sketches.projection === 'srht' || sketches.projection === 'sparse';
    if (sketches.projection === 'srht' && fast > dense) {
      found.push(
        `at rank ${rank} of ${inputSize} the Hadamard transform takes ${fast} operations per token, a matrix product ${dense}: --projection orthonormal is no worse`,
      );
    }
    if (!isFast && hadamard <= error && fast < dense) {
      found.push(
        `${sketches.projection} projections have a squared error of ${error.toFixed(2)} and take a matrix product: --projection srht has ${hadamard.toFixed(2)} and takes none`,
      );
    }
  }
  return found;
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
